// The vectors of the relay: tokens and transaction ids are ours, all else is as they say.

import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Chunk, decodeChunks, URI } from '../../../codec/index.ts';
import { octetsOf, vectors } from '../../support/vectors.ts';
import { Scene, type ScriptedEnd, type ScriptedListener } from './scene.ts';

interface ForwardVector {
  id: string;
  arrivesOn: string;
  method: string;
  toPath: string[];
  fromPath: string[];
  failureReport?: string;
  expected: {
    responseToPrevHop?: number | null;
    responseToPath?: string[];
    responseFromPath?: string[];
    forward?: { toPath: string[]; fromPath: string[]; via?: string } | null;
    closeConnection?: boolean;
    nextHopAnswers?: number;
    onErrorResponse?: string;
    then?: { REPORT: { toPath: string[]; fromPath: string[]; status: string } };
  };
}

interface RelayVectors {
  vectors: ForwardVector[];
  usePath: {
    relay: string;
    authFromPath?: string[];
    authFromPathAtOuter?: string[];
    authFromPathAtThird?: string[];
    usePath: string[];
  }[];
}

const { vectors: forwards, usePath } = JSON.parse(
  readFileSync(new URL('../../vectors/relay-vectors.json', import.meta.url), 'utf8'),
) as RelayVectors;

const aliceUri = 'msrps://alice.example.com:9892/98cjs;tcp';
const aliceToken = 'msrps://relay.example.com:2855/TOKENalice0000001;tcp';
const bobUri = 'msrps://bob.example.net:8145/foo;tcp';

describe('relay-vectors.json, requests', () => {
  let scene: Scene;
  let ends: Record<string, ScriptedEnd>;
  let bob: ScriptedListener;

  beforeEach(async () => {
    scene = await Scene.open();
    bob = await scene.listener();
    const conn1 = await scene.connect('relay.example.com', '10.0.1.1');
    conn1.uri = aliceUri;
    conn1.token = (await scene.authenticate(conn1, 'alice', 'wonderland'))!;
    const conn2 = await scene.client('carol', { from: '10.0.1.2' });
    const conn3 = await scene.stranger();
    ends = { conn1, conn2, conn3, conn9: await scene.stranger({ from: '10.6.6.6' }) };
  });

  const ours = (uri: string): string => (uri === aliceToken ? ends['conn1']!.token : uri);

  test.each(forwards)('$id', async ({ arrivesOn, method, toPath, fromPath, failureReport, expected }) => {
    const path = toPath.map(ours);
    if (arrivesOn.startsWith('conn1b')) {
      ends['conn1']!.socket.end();
      await scene.pass();
      ends['conn1b'] = await scene.connect('relay.example.com', '10.0.1.1');
    }
    const end = ends[arrivesOn.split(' ')[0]!]!;
    [end.uri] = fromPath as [string];
    const code = expected.nextHopAnswers ?? (expected.onErrorResponse === undefined ? undefined : 415);
    bob.answers = code ?? 200;
    const fields = failureReport === undefined ? [] : ([['Failure-Report', failureReport]] as const);
    const sent =
      method === 'SEND'
        ? end.message(path.join(' '), 'hello', fields, 'vector-1')
        : end.request(
            method,
            path.join(' '),
            method === 'REPORT'
              ? [
                  ['Message-ID', 'vector-1'],
                  ['Byte-Range', '1-5/5'],
                  ['Status', '000 200 OK'],
                ]
              : [],
          );
    await scene.pass();
    if (expected.closeConnection === true) expect(end.isClosed).toBe(true);
    else {
      expect(end.codesFor(sent)).toEqual(expected.responseToPrevHop === null ? [] : [expected.responseToPrevHop]);
      const response = end.responses.find(({ transactionId }) => transactionId === sent.transactionId);
      if (expected.responseToPath !== undefined) expect(response!.toPath.map(String)).toEqual(expected.responseToPath);
      if (expected.responseFromPath !== undefined) {
        expect(response!.fromPath.map(String)).toEqual(expected.responseFromPath.map(ours));
      }
    }
    const onward = toPath[1] === bobUri ? bob.accepted[0] : toPath[1] === aliceUri ? ends['conn1'] : undefined;
    const arrived = onward?.requests.filter((each) => each.method === method) ?? [];
    if (expected.forward === null || expected.closeConnection) {
      expect([...arrived, ...ends['conn1']!.requests, ...ends['conn2']!.requests, ...bob.accepted]).toEqual([]);
    } else if (expected.forward !== undefined) {
      expect(arrived.map((each) => each.toPath.map(String))).toEqual([expected.forward.toPath]);
      expect(arrived[0]!.fromPath.map(String)).toEqual(expected.forward.fromPath.map(ours));
    }
    if (code !== undefined || expected.then !== undefined) {
      const told = expected.then?.REPORT;
      expect(end.reports).toHaveLength(1);
      expect(end.reports[0]!.toPath.map(String)).toEqual(told?.toPath ?? [aliceUri]);
      expect(end.reports[0]!.fromPath.map(String)).toEqual([ends['conn1']!.token]);
      expect(end.toldAbout('vector-1')).toEqual([`${told?.status.slice(4) ?? '415'} 1-5/5`]);
    }
  });

  test('no vector but these is in the file', () => {
    expect(forwards).toHaveLength(11);
  });
});

describe('relay-vectors.json, responses', () => {
  test('an unknown method is answered end to end, with the transaction id of the client', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    const asked = alice.request('PONDER', `${alice.token} ${bob.uri}`);
    await scene.pass();
    const [request] = bob.accepted[0]!.requests;
    bob.accepted[0]!.respond(request!, 501, 'No way');
    await scene.pass();
    const response = alice.responses.find(({ transactionId }) => transactionId === asked.transactionId);
    expect([response!.code, response!.comment]).toEqual([501, 'No way']);
    expect(response!.toPath.join(' ')).toBe(alice.uri);
    expect(response!.fromPath.join(' ')).toBe(`${alice.token} ${bob.uri}`);
  });

  test('a response that has lost the way to the client gets it back', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    const asked = alice.request('PONDER', `${alice.token} ${bob.uri}`);
    await scene.pass();
    const [peer] = bob.accepted;
    const { transactionId } = peer!.requests[0]!;
    peer!.write(
      `MSRP ${transactionId} 200 OK\r\nTo-Path: ${alice.token}\r\nFrom-Path: ${bob.uri}\r\n-------${transactionId}$\r\n`,
    );
    const response = await scene.answerTo(alice, asked);
    expect(response.toPath.join(' ')).toBe(alice.uri);
    expect(response.fromPath.join(' ')).toBe(`${alice.token} ${bob.uri}`);
  });

  test('a response for somebody else, or to nothing, or to whom has gone is dropped', async () => {
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    alice.message(`${alice.token} ${bob.uri}`, 'hello');
    const asked = alice.request('PONDER', `${alice.token} ${bob.uri}`);
    await scene.pass();
    const [peer] = bob.accepted;
    const before = alice.frames.length;
    peer!.write(
      `MSRP nobody01 200 OK\r\nTo-Path: msrps://else.example:1/x;tcp\r\nFrom-Path: ${bob.uri}\r\n-------nobody01$\r\n`,
    );
    peer!.write(`MSRP nobody02 400 No\r\nTo-Path: ${alice.token}\r\nFrom-Path: ${bob.uri}\r\n-------nobody02$\r\n`);
    await scene.pass();
    expect(alice.frames).toHaveLength(before);
    alice.socket.destroy();
    await scene.pass();
    peer!.respond(peer!.requests.find(({ method }) => method === 'PONDER')!, 200);
    await scene.pass();
    expect([peer!.isClosed, alice.codesFor(asked)]).toEqual([false, []]);
  });
});

describe('relay-vectors.json, Use-Path', () => {
  test.each(usePath)('$relay', async (vector) => {
    const scene = await Scene.open();
    const end = await scene.connect('relay.example.com', '10.0.1.1');
    const path = vector.authFromPath ?? vector.authFromPathAtOuter ?? vector.authFromPathAtThird!;
    const real = (name: string): string =>
      name.includes(':') ? name : `msrps://relay-${name}.example.com:2855/token;tcp`;
    end.uri = path.map(real).join(' ');
    const given = (await scene.authenticate(end, 'alice', 'wonderland'))!.split(' ');
    expect(given.slice(0, -1)).toEqual(vector.usePath.slice(0, -1).map(real));
    expect(given.at(-1)).toMatch(/^msrps:\/\/relay\.example\.com:2855\/[A-Za-z0-9]{22,24};tcp$/);
  });
});

describe('vectors.json, frames that need a relay', () => {
  const relayVectors = vectors.semantic.filter(({ id }) => /^s(12|14|15|16)-/.test(id));

  test('there are four', () => {
    expect(relayVectors).toHaveLength(4);
  });

  test.each(relayVectors)('$id', async ({ id, file, frame, expected }) => {
    const scene = new Scene();
    const relay = await scene.relayAt('relay.example.com');
    const isPlain = id.startsWith('s12');
    if (isPlain) await relay.listen(URI.parse('msrp://relay.example.com:2856;tcp'));
    const end = await scene.connect('relay.example.com', '10.0.1.1', { plain: isPlain, port: isPlain ? 2856 : 2855 });
    end.write(octetsOf(file));
    await scene.pass();
    const answers = end.responses.map(({ transactionId, code }) => [transactionId, code]);
    expect(answers).toEqual(expected.respond === null ? [] : [[frame.transactionId, expected.respond]]);
    expect(end.isClosed).toBe(expected.effect === 'close connection');
    if (isPlain) expect(end.responses[0]!.headers.has('WWW-Authenticate')).toBe(false);
  });
});

describe('relay-*.msrp', () => {
  /** What a frame says, with our token and ids in place of those of the file. */
  const facts = (frame: Chunk, names: (uri: string) => string) => ({
    start: frame.method ?? frame.code,
    toPath: frame.toPath.map((uri) => names(String(uri))),
    fromPath: frame.fromPath.map((uri) => names(String(uri))),
    others: [...frame.headers].slice(2),
    data: frame.data.toString(),
    flag: frame.continuation,
  });

  /** The client sends its chunks as in the file, and its peer answers as there: then both got what is there, and nothing else. */
  async function play(file: string) {
    const frames = decodeChunks(octetsOf(file));
    const scene = await Scene.open();
    const alice = await scene.client();
    const bob = await scene.listener();
    const refusal = frames.find(({ code = 200 }) => code !== 200);
    bob.answers = refusal?.code ?? (file === 'relay-408.msrp' ? undefined : 200);
    if (refusal?.comment !== undefined) bob.reason = refusal.comment;
    alice.uri = 'msrps://alice.example.org:7965/bar;tcp';
    const names = (uri: string): string => (uri === 'msrps://a.example.org:9000/kjfjan;tcp' ? alice.token : uri);
    const told = frames.find(({ method }) => method === 'SEND');
    for (const frame of frames.filter(({ method, fromPath }) => method === 'SEND' && fromPath.length === 1)) {
      const fields = [...frame.headers].slice(2).filter(([name]) => name !== 'Content-Type');
      const flag = frame.continuation === '+' ? '+' : undefined;
      alice.request('SEND', `${alice.token} ${bob.uri}`, fields, frame.data, flag);
    }
    if (told!.fromPath.length === 2) {
      const fields = [...told!.headers].slice(2).filter(([name]) => name !== 'Content-Type');
      alice.request('SEND', `${alice.token} ${bob.uri}`, fields, told!.data);
    }
    const before = alice.frames.length;
    await scene.pass(31_000);
    const gotByAlice = alice.frames.slice(before).map((frame) => facts(frame, names));
    const expected = frames.filter(({ toPath }) => String(toPath[0]) === alice.uri && toPath.length === 1);
    return {
      gotByAlice,
      expected: expected.map((frame) => facts(frame, names)),
      bob: bob.accepted[0]!.sends,
      onward: frames
        .filter(({ method, fromPath }) => method === 'SEND' && fromPath.length === 2)
        .map((frame) => facts(frame, names)),
    };
  }

  test('relay-408', async () => {
    const { gotByAlice, expected, bob, onward } = await play('relay-408.msrp');
    expect(gotByAlice).toEqual(expected);
    expect(bob.map((frame) => facts(frame, (uri) => uri).data)).toEqual(onward.map(({ data }) => data));
  });

  test('relay-415-report', async () => {
    const { gotByAlice, expected } = await play('relay-415-report.msrp');
    expect(gotByAlice).toEqual(expected);
  });

  test('relay-rechunk: where chunks end is for the relay to choose, the octets and the responses are the same', async () => {
    const { gotByAlice, expected, bob } = await play('relay-rechunk.msrp');
    expect(gotByAlice).toEqual(expected);
    expect(Buffer.concat(bob.map(({ data }) => data)).toString()).toBe('abcdefghij');
    expect(bob.map(({ headers }) => headers.get('Byte-Range'))).toEqual(['1-3/10', '4-7/10', '8-10/10']);
    expect(bob.map(({ continuation }) => continuation).join('')).toBe('++$');
  });
});
