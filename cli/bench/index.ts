// The load generator of `msrp bench`.

export { bench, exitCodeOf, writeReport } from './bench.ts';
export { type BenchOptions, countOf, orderOf } from './options.ts';
export { Sink } from './sink.ts';
export { tableOf } from './table.ts';
