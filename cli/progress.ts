// How far it is, on a terminal.

import { SingleBar } from 'cli-progress';
import { visible } from './printable.ts';

/** Draws a bar on stderr until the function it returns is called, which leaves the line empty. Where there is no terminal it draws none. */
export function showProgress(name: string, size: number, done: () => number, unit = 'bytes'): () => void {
  if (!process.stderr.isTTY) return () => {};
  const bar = new SingleBar({
    stream: process.stderr,
    format: `{name} {bar} {percentage}% {value}/{total} ${unit}, {eta_formatted}`,
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(size, 0, { name: visible(name) });
  const timer = setInterval(() => bar.update(done()), 100);
  return () => {
    clearInterval(timer);
    bar.stop();
  };
}
