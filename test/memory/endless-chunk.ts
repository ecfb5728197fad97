// Decodes one chunk of as many octets as the argument says, and keeps nothing. Prints what it saw and the most memory it had.

import { ChunkDecoder } from '../../codec/index.ts';

const mebibyte = 1_048_576;
const total = Number(process.argv[2]) * mebibyte;
const { gc } = globalThis;
if (gc === undefined) throw new Error('run with --expose-gc');
let seen = 0;
let atFirst = 0;

const decoder = new ChunkDecoder({
  onHead: () => {},
  onBody: (bytes) => {
    seen += bytes.length;
  },
  onEnd: () => {},
});
const paths = 'To-Path: msrp://y.example.com:2855/eeee;tcp\r\nFrom-Path: msrp://x.example.com:2855/aaaa;tcp\r\n';
decoder.write(Buffer.from(`MSRP abcd SEND\r\n${paths}Message-ID: mmmm\r\nContent-Type: a/b\r\n\r\n`));
const random = Uint8Array.from({ length: 65_536 }, (_, index) => Math.imul(index, 2_654_435_761) >>> 13);
for (let written = 0; written < total; written += random.length) {
  // As a socket gives them: memory of its own each time.
  decoder.write(Buffer.from(random.slice().buffer));
  // At fixed points, so that the peak does not depend on when the collector would have come by itself.
  if (written % (8 * mebibyte) === 0) gc();
  if (written === 64 * mebibyte) atFirst = process.resourceUsage().maxRSS;
}
decoder.write(Buffer.from('\r\n-------abcd$\r\n'));
decoder.end();
console.log(JSON.stringify({ seen, atFirst, atEnd: process.resourceUsage().maxRSS }));
