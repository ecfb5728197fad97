// Section 7 for relays: what the sender of a message learns, for each value of Failure-Report, whatever fails and whenever: what it must,
// once, and nothing else.

import { describe, expect, test } from 'vitest';
import type { HeaderEntry } from '../../../codec/index.ts';
import { Scene, type ScriptedEnd, type ScriptedListener } from './scene.ts';

type Flag = 'yes' | 'partial' | 'no';
const flags: readonly Flag[] = ['yes', 'partial', 'no'];

const field = (flag: Flag): HeaderEntry[] => [['Failure-Report', flag]];

/** The beginning of a SEND with a body of `total` octets; `rest` and `end` follow. */
function openSend(end: ScriptedEnd, toPath: string, id: string, total: number, flag: Flag): string {
  return `MSRP ${id} SEND\r\nTo-Path: ${toPath}\r\nFrom-Path: ${end.uri}\r\nMessage-ID: m-${id}\r\nByte-Range: 1-*/${total}\r\nFailure-Report: ${flag}\r\nContent-Type: text/plain\r\n\r\n`;
}

const codesOf = (end: ScriptedEnd, id: string): number[] =>
  end.responses.filter(({ transactionId }) => transactionId === id).map(({ code }) => code!);

async function setUp(
  answers: number | null = 200,
): Promise<{ scene: Scene; alice: ScriptedEnd; bob: ScriptedListener; path: string }> {
  const scene = await Scene.open();
  const alice = await scene.client();
  const bob = await scene.listener();
  bob.answers = answers ?? undefined;
  return { scene, alice, bob, path: `${alice.token} ${bob.uri}` };
}

describe.each(flags)('Failure-Report %s', (flag) => {
  const is = (...wanted: Flag[]): boolean => wanted.includes(flag);
  const ok = is('yes') ? [200] : [];

  test('delivered: 200 where it is wanted, nothing else', async () => {
    const { scene, alice, bob, path } = await setUp();
    const sent = alice.message(path, 'hello', field(flag), 'msg-1');
    await scene.pass(60_000);
    expect([alice.codesFor(sent), alice.reports]).toEqual([ok, []]);
    expect(bob.accepted[0]!.sends).toHaveLength(1);
  });

  test.each([400, 403, 413, 415, 481, 501, 506, 999])('the next hop answers %d: a REPORT with it', async (code) => {
    const { scene, alice, path } = await setUp(code);
    const sent = alice.message(path, 'hello', field(flag), 'msg-1');
    await scene.pass(60_000);
    expect(alice.codesFor(sent)).toEqual(ok);
    expect(alice.toldAbout('msg-1')).toEqual(is('no') ? [] : [`${code} 1-5/5`]);
  });

  test('the next hop is silent: a REPORT 408 after 30 s, not before, where a response was due', async () => {
    const { scene, alice, path } = await setUp(null);
    const sent = alice.message(path, 'hello', field(flag), 'msg-1');
    await scene.pass(29_900);
    expect([alice.codesFor(sent), alice.reports]).toEqual([ok, []]);
    await scene.pass(500);
    expect(alice.toldAbout('msg-1')).toEqual(is('yes') ? ['408 1-5/5'] : []);
    await scene.pass(60_000);
    expect(alice.reports).toHaveLength(is('yes') ? 1 : 0);
  });

  test('nobody is there: 200, since the chunk came whole, then a REPORT 408', async () => {
    const { scene, alice } = await setUp();
    const sent = alice.message(`${alice.token} msrps://10.9.9.9:1/x;tcp`, 'hello', field(flag), 'msg-1');
    await scene.pass(60_000);
    expect(alice.codesFor(sent)).toEqual(ok);
    expect(alice.toldAbout('msg-1')).toEqual(is('no') ? [] : ['408 1-5/5']);
  });

  test('nobody is there, and the chunk has not come whole: an error response, and no REPORT', async () => {
    const { scene, alice } = await setUp();
    const path = `${alice.token} msrps://10.9.9.9:1/x;tcp`;
    alice.write(openSend(alice, path, 'half0001halfhalf', 10, flag), 'hello');
    await scene.pass(60_000);
    alice.write('world\r\n-------half0001halfhalf$\r\n');
    await scene.pass(60_000);
    expect([codesOf(alice, 'half0001halfhalf'), alice.reports]).toEqual([is('no') ? [] : [408], []]);
  });

  test('the connection to the next hop is lost before it has answered', async () => {
    const { scene, alice, bob, path } = await setUp(null);
    const sent = alice.message(path, 'hello', field(flag), 'msg-1');
    await scene.pass();
    bob.accepted[0]!.socket.destroy();
    await scene.pass(60_000);
    expect(alice.codesFor(sent)).toEqual(ok);
    // With partial nothing tells whether it has arrived.
    expect(alice.toldAbout('msg-1')).toEqual(is('yes') ? ['408 1-5/5'] : []);
  });

  test('the connection to the next hop is lost within the chunk: an error response for all of it', async () => {
    const { scene, alice, bob, path } = await setUp();
    alice.write(openSend(alice, path, 'half0001halfhalf', 10, flag), 'hello');
    await scene.pass();
    bob.accepted[0]!.socket.destroy();
    await scene.pass();
    alice.write('world\r\n-------half0001halfhalf$\r\n');
    await scene.pass(60_000);
    expect([codesOf(alice, 'half0001halfhalf'), alice.reports]).toEqual([is('no') ? [] : [408], []]);
    // The next message goes over a new connection.
    const sent = alice.message(path, 'again', field(flag));
    await scene.pass();
    expect([alice.codesFor(sent), bob.accepted[1]!.sends[0]!.data.toString()]).toEqual([ok, 'again']);
  });

  test('the next hop refuses a chunk that is still coming: a REPORT, and 200 at its end', async () => {
    const { scene, alice, bob, path } = await setUp();
    alice.write(openSend(alice, path, 'half0001halfhalf', 10, flag), 'hello');
    await scene.pass();
    const [peer] = bob.accepted;
    peer!.respond(peer!.heads[0]!, 413);
    await scene.pass();
    alice.write('world\r\n-------half0001halfhalf$\r\n');
    await scene.pass(60_000);
    expect(codesOf(alice, 'half0001halfhalf')).toEqual(ok);
    expect(alice.toldAbout('m-half0001halfhalf')).toEqual(is('no') ? [] : ['413 1-4/10']);
  });

  test('the token is unknown: 481, and nothing is passed on', async () => {
    const { scene, alice, bob } = await setUp();
    const sent = alice.message(`msrps://relay.example.com:2855/unknown;tcp ${bob.uri}`, 'hello', field(flag));
    await scene.pass();
    expect([alice.codesFor(sent), bob.accepted]).toEqual([is('no') ? [] : [481], []]);
  });

  test('somebody else uses the token to send elsewhere: 403, and nothing is passed on', async () => {
    const { scene, path, bob } = await setUp();
    const mallory = await scene.stranger({ from: '10.6.6.6' });
    const sent = mallory.message(path, 'hello', field(flag));
    await scene.pass();
    expect([mallory.codesFor(sent), bob.accepted]).toEqual([is('no') ? [] : [403], []]);
  });
});
