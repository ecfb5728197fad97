// A session and a peer that sends whatever it likes: frames in any order with any fields, some of them damaged, cut anywhere. What comes
// back are responses to its requests and REPORTs, each of which section 7 allows; nothing is thrown, and in the end nothing is left.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Chunk, SessionOptions } from '../../index.ts';
import { coarseTimersOf } from '../../net/coarse-timers.ts';
import { ourUri, peerUri, ScriptedPeer } from '../session/scripted-peer.ts';

const failures = ['yes', 'partial', 'no'] as const;

/** Few ids, places and sizes, so that chunks of the same messages meet. */
const frame = fc.record({
  method: fc.constantFrom('SEND', 'SEND', 'SEND', 'SEND', 'REPORT', 'NICKNAME', 'FROBNICATE', '200 OK', '413', '481 x'),
  messageId: fc.constantFrom('mmmm', 'nnnn', 'mine0', 'mine1'),
  start: fc.integer({ min: 1, max: 8 }),
  total: fc.constantFrom('*', '8', '20', '9007199254740991'),
  failure: fc.constantFrom(...failures),
  success: fc.constantFrom('yes', 'no'),
  status: fc.constantFrom('000 200 OK', '000 403', '001 481', '000 413 x'),
  type: fc.constantFrom('text/plain', 'image/png'),
  body: fc.option(fc.string({ unit: fc.constantFrom('a', '\r\n', '-------', 'b'), maxLength: 8 }), { nil: undefined }),
  flag: fc.constantFrom('$', '$', '+', '#'),
  /** An octet is put in, or taken out, at this place. */
  damage: fc.oneof(
    { weight: 9, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(300), fc.constantFrom('', '\r', ' ', '\0', 'x')) },
  ),
  /** The session sends something meanwhile. */
  sends: fc.boolean(),
});
type Frame = typeof frame extends fc.Arbitrary<infer T> ? T : never;

const options: fc.Arbitrary<SessionOptions> = fc.constantFrom(
  {},
  { acceptTypes: ['text/*'] },
  { maxSize: 10 },
  { onIncoming: () => {} },
  { onIncoming: () => {}, segmentSize: 0, maxSize: 10 },
);

function octetsOf(given: Frame, id: string): string {
  const { method, messageId, start, body, flag, damage } = given;
  // About more octets than the total says, the session would send a malformed REPORT.
  const total = start + (body?.length ?? 0) - 1 > Number(given.total) ? '*' : given.total;
  const end = total === '*' ? '*' : String(Math.min(Number(total), start + (body?.length ?? 0)));
  const fields: string[] = [`To-Path: ${ourUri}`, `From-Path: ${peerUri}`];
  if (/^[A-Z]/.test(method)) fields.push(`Message-ID: ${messageId}`);
  const range = body === undefined ? `1-0/${total}` : `${start}-${end}/${total}`;
  if (method === 'SEND' || method === 'REPORT') fields.push(`Byte-Range: ${range}`);
  if (method === 'SEND') fields.push(`Failure-Report: ${given.failure}`, `Success-Report: ${given.success}`);
  if (method === 'REPORT') fields.push(`Status: ${given.status}`);
  const rest = method === 'SEND' && body !== undefined ? `Content-Type: ${given.type}\r\n\r\n${body}\r\n` : '';
  const text = `MSRP ${id} ${method}\r\n${fields.join('\r\n')}\r\n${rest}-------${id}${method === 'SEND' ? flag : '$'}\r\n`;
  if (damage === undefined) return text;
  const at = damage[0] % text.length;
  return text.slice(0, at) + damage[1] + text.slice(damage[1] === '' ? at + 1 : at);
}

async function play(frames: readonly Frame[], o: SessionOptions, places: readonly number[]): Promise<void> {
  const peer = await ScriptedPeer.open(o);
  if (o.onIncoming === undefined) void readAll(peer);
  const octets = Buffer.from(frames.map((given, index) => octetsOf(given, `tran${index}`)).join(''), 'latin1');
  const edges = [
    0,
    ...places.map((place) => place % octets.length).toSorted((one, other) => one - other),
    octets.length,
  ];
  let isOver = false;
  void peer.session.closed.then(() => (isOver = true));
  for (const [index, end] of edges.slice(1).entries()) {
    const sends = frames[index]?.sends === true && !isOver;
    if (sends) peer.session.send('x'.repeat(index * 1000), { messageId: `mine${index}` });
    peer.send(octets.subarray(edges[index], end));
    await peer.pass(2);
  }
  if (frames.every(({ damage }) => damage === undefined)) checkAnswers(frames, peer.take());
  peer.transport.destroy();
  peer.endpoint.socket.destroy();
  await peer.pass(6000);
  expect(coarseTimersOf(peer.network.clock).pending).toBe(0);
}

async function readAll(peer: ScriptedPeer): Promise<void> {
  try {
    for await (const message of peer.session.messages()) message.bytes().catch(() => {});
  } catch {
    // The session failed.
  }
}

/** One response to a request at most, where it may have one at all. */
function checkAnswers(frames: readonly Frame[], sent: readonly Chunk[]): void {
  const answered = sent.filter(({ code }) => code !== undefined);
  expect(new Set(answered.map(({ transactionId }) => transactionId)).size).toBe(answered.length);
  for (const { transactionId, code } of answered) {
    const request = frames[Number(transactionId.slice(4))]!;
    expect(request.method).toMatch(/^(SEND|NICKNAME|FROBNICATE)$/);
    if (request.method !== 'SEND') expect(code).toBeGreaterThanOrEqual(400);
    else if (request.failure !== 'yes') expect([request.failure, code! >= 300]).toEqual(['partial', true]);
  }
  for (const report of sent.filter(({ method }) => method === 'REPORT')) {
    const wanted = frames.some(
      ({ method, messageId, success }) => method === 'SEND' && messageId === report.messageId && success === 'yes',
    );
    expect([report.status?.code, wanted]).toEqual([200, true]);
  }
}

describe('a session whose peer sends anything', () => {
  test('answers what may be answered, throws nothing, and leaves nothing', { timeout: 600_000 }, async () => {
    const noise = fc.array(frame, { minLength: 1, maxLength: 12 });
    const places = fc.array(fc.nat(5000), { maxLength: 12 });
    await fc.assert(fc.asyncProperty(noise, options, places, play));
  });
});
