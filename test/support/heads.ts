// A head, from the frame that it begins.

import { ChunkDecoder, type Head } from '../../codec/index.ts';

export function headOf(frame: string): Head {
  const heads: Head[] = [];
  const decoder = new ChunkDecoder({ onHead: (head) => heads.push(head), onBody: () => {}, onEnd: () => {} });
  decoder.write(Buffer.from(frame, 'latin1'));
  return heads[0]!;
}
