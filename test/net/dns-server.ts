// A name server in a process of its own, for the SRV records of its first argument: { name: records } in JSON. `"fails"` instead of
// records is SERVFAIL, `"silent"` no answer at all; a name that is not there is NXDOMAIN. Tells its port.

import { createSocket, type RemoteInfo } from 'node:dgram';
import { decode, encode, type Packet } from 'dns-packet';
import type { ServiceRecord } from '../../index.ts';

export type Zone = Record<string, readonly ServiceRecord[] | 'fails' | 'silent'>;

const responseCode = { noError: 0, serverFailure: 2, noSuchName: 3 };
const zone = JSON.parse(process.argv[2] ?? '{}') as Zone;
const socket = createSocket('udp4');

socket.on('message', (message: Buffer, from: RemoteInfo) => {
  const query = decode(message);
  const { name = '', type } = query.questions?.[0] ?? {};
  const found = type === 'SRV' ? zone[name.toLowerCase()] : undefined;
  if (found !== 'silent') socket.send(answer(query, name, found), from.port, from.address);
});

function answer(query: Packet, name: string, found: Zone[string] | undefined): Buffer {
  const records = Array.isArray(found) ? (found as readonly ServiceRecord[]) : [];
  const code = found === undefined ? 'noSuchName' : found === 'fails' ? 'serverFailure' : 'noError';
  return encode({
    id: query.id ?? 0,
    type: 'response',
    flags: responseCode[code],
    questions: query.questions ?? [],
    answers: records.map(({ name: target, port, priority, weight }) => ({
      type: 'SRV',
      name,
      ttl: 60,
      data: { target, port, priority, weight },
    })),
  });
}

socket.bind(0, '127.0.0.1', () => process.send?.({ port: socket.address().port }));
process.on('disconnect', () => process.exit());
