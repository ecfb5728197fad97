// What runs in the report page: draws the charts. It goes into the page as the text of one function, so it uses nothing from outside of it,
// and of the browser only what is declared here.

/** A chart: lines over a common x. */
export interface Chart {
  /** Of the element that it is drawn in. */
  readonly id: string;
  readonly x: readonly number[];
  readonly xLabel: string;
  /** x is the part of messages that took longer: its axis has percentiles, and goes by powers of ten. */
  readonly isDistribution?: boolean;
  readonly lines: readonly { readonly label: string; readonly colour: string; readonly y: readonly number[] }[];
  readonly unit: string;
}

interface Plot {
  redraw(): void;
  setSize(size: { width: number; height: number }): void;
}

interface Element {
  readonly clientWidth: number;
  readonly textContent: string;
  readonly dataset: Record<string, string>;
}

/** A browser, as far as it is needed. */
export interface Browser {
  readonly document: { getElementById(id: string): Element; readonly documentElement: Element };
  readonly uPlot: new (options: object, data: readonly (readonly number[])[], element: Element) => Plot;
  getComputedStyle(element: Element): { getPropertyValue(name: string): string };
  matchMedia(query: string): { addEventListener(event: 'change', listener: () => void): void };
  addEventListener(event: 'resize', listener: () => void): void;
}

/* oxlint-disable unicorn/consistent-function-scoping -- there is no outer scope in the page */
export function drawCharts(browser: Browser): void {
  const { document: page } = browser;
  const charts = JSON.parse(page.getElementById('charts').textContent) as readonly Chart[];
  const height = 260;
  // Asked at each drawing: light and dark may change.
  const colour = (name: string) => (): string =>
    browser.getComputedStyle(page.documentElement).getPropertyValue(`--${name}`).trim();
  const percentile = (share: number): string => `${Number(((1 - share) * 100).toPrecision(9))} %`;
  const short = (value: number): string => String(Number(value.toPrecision(4)));
  const axis = {
    stroke: colour('ink'),
    grid: { stroke: colour('grid'), width: 1 },
    ticks: { stroke: colour('grid'), width: 1 },
  };
  const xOf = (chart: Chart): object =>
    chart.isDistribution === true
      ? {
          scale: { time: false, distr: 3, dir: -1 },
          axis: {
            values: (_: unknown, at: readonly (number | null)[]) => at.map((x) => (x === null ? '' : percentile(x))),
          },
          value: (_: unknown, x: number | null) => (x === null ? '' : percentile(x)),
        }
      : {
          scale: { time: false },
          axis: {},
          value: (_: unknown, x: number | null) => (x === null ? '' : `${short(x)} s`),
        };
  const draw = (chart: Chart): void => {
    const element = page.getElementById(chart.id);
    const { scale, axis: xAxis, value } = xOf(chart) as { scale: object; axis: object; value: unknown };
    const plot = new browser.uPlot(
      {
        width: element.clientWidth,
        height,
        scales: { x: scale, ...(chart.isDistribution === true && { y: { distr: 3 } }) },
        axes: [
          { ...axis, ...xAxis, label: chart.xLabel },
          { ...axis, label: chart.unit, size: 70 },
        ],
        series: [
          { label: chart.xLabel, value },
          ...chart.lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 2,
            points: { show: false },
            value: (_: unknown, y: number | null) => (y === null ? '' : `${short(y)} ${chart.unit}`),
          })),
        ],
      },
      [chart.x, ...chart.lines.map((line) => line.y)],
      element,
    );
    browser.addEventListener('resize', () => plot.setSize({ width: element.clientWidth, height }));
    browser.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plot.redraw());
  };
  for (const chart of charts) draw(chart);
  page.documentElement.dataset['charts'] = String(charts.length);
}
