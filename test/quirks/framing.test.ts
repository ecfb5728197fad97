// Frames and header fields as peers are known to write them: what is taken, what only with `tolerant`, and what never (D-GRAM-3).

import { describe, expect, test } from 'vitest';
import { AcceptorDirect, type Chunk, CPIMMessage, decodeChunks, encodeChunk } from '../../index.ts';
import { part } from '../session/script-frames.ts';
import { ourUri, peerUri, withScript } from '../session/scripted-peer.ts';
import { answer, bindWith, closed, modes, type Played, play, refused, request, requestOn, taken } from './play.ts';

const id = 'tran0';
const message = ['Message-ID: mmmm', 'Byte-Range: 1-2/2', 'Content-Type: text/plain'];
const hi = request('SEND', id, message, 'hi');

/** What is sent, what becomes of it strictly, and what tolerantly; without the latter the same. */
type Case = [name: string, octets: string, strict: Played, tolerant?: Played];

function check(cases: Case[]): void {
  for (const [mode, tolerant] of modes) {
    test.each(cases)(`%s, ${mode}`, async (_, octets, strict, other = strict) => {
      expect(await play(octets, {}, { tolerant })).toEqual(tolerant ? other : strict);
    });
  }
}

describe('header names in other letter case', () => {
  const paths = `TO-PATH: ${ourUri}\r\nfrom-path: ${peerUri}\r\n`;
  const fields = ['Message-Id: mmmm', 'byte-range: 1-2/2', 'SUCCESS-REPORT: yes', 'Content-type: text/plain'];
  const octets = requestOn(paths, 'SEND', id, fields, 'hi');
  const reported = { ...taken(id, 'hi'), frames: [`200 ${id}`, 'REPORT mmmm 1-2/2 000 200'] };
  check([['every name is known', octets, reported]]);

  test('who passes them on writes them as they came', () => {
    expect(decodeChunks(Buffer.from(octets)).map((chunk) => Buffer.concat(encodeChunk(chunk)).toString())).toEqual([
      octets,
    ]);
  });
});

describe('other white space than one space and CRLF in a head', () => {
  const with1 = (line: string): string => request('SEND', id, [line, ...message.slice(1)], 'hi');
  check([
    ['no space behind the colon', with1('Message-ID:mmmm'), refused(id), taken(id, 'hi')],
    ['two spaces', with1('Message-ID:  mmmm'), refused(id), taken(id, 'hi')],
    ['a tab', with1('Message-ID:\tmmmm'), refused(id), taken(id, 'hi')],
    ['a space at the end of the line', with1('Message-ID: mmmm '), refused(id), taken(id, 'hi')],
    ['LF alone', hi.replaceAll('\r\n', '\n'), closed],
    ['LF alone once', hi.replace('2/2\r\n', '2/2\n'), closed],
  ]);

  test('two spaces in a path are read in each segment of a chunk that has no range', () => {
    const paths = `To-Path: ${ourUri}\r\nFrom-Path: ${ourUri}  ${peerUri}\r\n`;
    const octets = requestOn(paths, 'SEND', id, [message[0]!, message[2]!], 'hiho');
    const cut = octets.indexOf('ho');
    const reads = [octets.slice(0, cut), octets.slice(cut)].map((read) => Buffer.from(read));
    const segments = decodeChunks(reads, { tolerant: true, segmentSize: 0 });
    expect(segments.map(({ fromPath }) => fromPath.map(String))).toEqual([
      [ourUri, peerUri],
      [ourUri, peerUri],
    ]);
  });

  test('we write CRLF and one space', async () => {
    await withScript(async (peer) => {
      peer.session.send('hello');
      peer.send(request('SEND', id, [...message.slice(0, 2), 'Success-Report: yes', ...message.slice(2)], 'hi'));
      await peer.pass(100);
      const lines = peer.endpoint.data.toString('latin1').split('\r\n');
      expect(lines.join('')).not.toMatch(/[\r\n]/);
      expect(lines.filter((line) => !/^(?:MSRP \w+ .+|-{7}\w+\$|[A-Z][A-Za-z-]+: \S.*|hello|)$/.test(line))).toEqual(
        [],
      );
    });
  });
});

describe('a response without a phrase, or with more than one', () => {
  for (const [mode, tolerant] of modes) {
    test.each(['200', '200 ', '200 OK', '200 OK, and (more) words: 1 2 3', '200 \xc3\xbcber', '299 unheard of'])(
      `"%s" is a success, ${mode}`,
      async (status) => {
        await withScript(
          async (peer) => {
            const sent = peer.session.send('hello');
            await peer.pass(10);
            peer.send(answer(peer.take()[0]!, status));
            await peer.network.settle(sent.delivered);
          },
          {},
          { tolerant },
        );
      },
    );
  }
});

describe('lines between two frames', () => {
  const two = (between: string): string =>
    `${hi}${between}${request('SEND', 'tran1', ['Message-ID: mmm1', ...message.slice(2)], 'ho')}`;
  const both: Played = { frames: ['200 tran0', '200 tran1'], bodies: ['hi', 'ho'], isOpen: true };
  const first: Played = { ...closed, bodies: ['hi'] };
  check([
    ['nothing', two(''), both],
    ['an empty line', two('\r\n'), first, both],
    ['eight empty lines', two('\r\n'.repeat(8)), first, both],
    ['nine empty lines', two('\r\n'.repeat(9)), first],
    ['a line of junk', two('junk\r\n'), first],
    ['an empty line of LF alone', two('\n'), first],
  ]);
});

describe('a Content-Type without a body, and an empty body', () => {
  const type = 'Content-Type: text/plain';
  check([
    ['a Content-Type without a body', request('SEND', id, ['Message-ID: mmmm', type]), refused(id), taken(id)],
    ['a body-less SEND', request('SEND', id, ['Message-ID: mmmm']), taken(id)],
    ['an empty body, which is a message', request('SEND', id, ['Message-ID: mmmm', type], ''), taken(id, '')],
    [
      'an empty body without the CRLF of its own',
      request('SEND', id, ['Message-ID: mmmm', `${type}\r\n`]),
      taken(id, ''),
    ],
  ]);

  const forms: [string, string, boolean][] = [
    ['no body', request('SEND', id, ['Message-ID: mmmm', 'Byte-Range: 1-0/0']), true],
    ['an empty body, as FreeSWITCH does', request('SEND', id, ['Message-ID: mmmm', type], ''), true],
    ['a Content-Type alone', request('SEND', id, ['Message-ID: mmmm', type]), false],
  ];
  for (const [mode, tolerant] of modes) {
    test.each(forms)(`%s binds a session, ${mode}`, async (_, octets, strict) => {
      const { isBound, bodies, frames } = await bindWith(octets, { tolerant });
      const isTaken = strict || tolerant;
      expect([isBound, bodies, frames]).toEqual([isTaken, [], [isTaken ? `200 ${id}` : `400 ${id}`]]);
    });
  }
});

describe('transaction ids in other letter case, and a REPORT with that of its SEND', () => {
  test('a REPORT with the id of its SEND is a REPORT, and no response', async () => {
    await withScript(async (peer) => {
      const sent = peer.session.send('hello', { successReport: 'yes', messageId: 'mmmm' });
      await peer.pass(10);
      const [send] = peer.take();
      const report = ['Message-ID: mmmm', 'Byte-Range: 1-5/5', 'Status: 000 200 OK'];
      peer.send(request('REPORT', send!.transactionId, report));
      await peer.network.settle(sent.delivered);
      expect(sent.bytesAcknowledged).toBe(5);
      // It still waits for its response, without which the session ends.
      await peer.pass(31_000);
      expect(await peer.session.closed).toMatchObject({ status: 408 });
    });
  });

  test('a response counts only with the id as we wrote it', async () => {
    await withScript(async (peer) => {
      const chunk = peer.transport.makeChunk({ transactionId: 'TRANaction', data: 'hello' });
      const codes: unknown[] = [];
      peer.session.sendChunk(chunk, (response) => codes.push((response as Chunk).code));
      await peer.pass(10);
      peer.send(answer({ transactionId: 'tranACTION' } as Chunk, '413'));
      await peer.answers();
      expect(codes).toEqual([]);
      peer.send(answer(chunk, '200'));
      await peer.answers();
      expect(codes).toEqual([200]);
    });
  });
});

describe('an underscore', () => {
  const octets = request('FILE_OFFSET', id, ['Message-ID: mmmm', 'Offset: 0']);
  check([
    ['in a method', octets, refused(id), refused(id, 501)],
    ['nowhere, but the method is unknown', octets.replace('FILE_OFFSET', 'FILEOFFSET'), refused(id, 501)],
  ]);
});

describe('a body that looks like frames', () => {
  const bodies = [
    'a\r\n-------\r\nb',
    'a\r\n-------other$\r\nb',
    `a\r\n-------${id}\r\nb`,
    `a\r\n-------${id}x$\r\nb`,
    `a\r\n--------${id}x\r\n`,
    `MSRP ${id} SEND\r\nTo-Path: ${ourUri}\r\n\r\nb`,
    '\r\nMSRP tran1 200 OK\r\n-------tran1$\r\n',
    '-------',
  ];
  check(
    bodies.map((body) => [
      JSON.stringify(body),
      request('SEND', id, ['Message-ID: mmmm', message[2]!], body),
      taken(id, body),
    ]),
  );

  test('we send such bodies as they are, whole', async () => {
    await withScript(async (peer) => {
      for (const body of bodies) peer.session.send(Buffer.from(body), { failureReport: 'no' });
      await peer.pass(10);
      expect(peer.take().map(({ data }) => data.toString())).toEqual(bodies);
    });
  });
});

describe('a wrong Byte-Range', () => {
  const body = 'Hey Bob, are you there?';
  check([
    ...['1-25/25', '1-*/*', undefined, '1-1/1', '1-0/0', '1-*/0', '1-22/99', '1-23/23'].map(
      (range): Case => [`${range} for 23 octets`, part(id, '', range, body, '$'), taken(id, body)],
    ),
    ...['0-23/23', '0-*/*', '1-25/23', '1-23/0', '9-2/23', '1-23', 'x'].map(
      (range): Case => [`${range}, which contradicts itself`, part(id, '', range, body, '$'), refused(id)],
    ),
    ...['1-0/0', '1-*/*', '1-0/*', undefined].map(
      (range): Case => [`${range} without a body`, part(id, '', range, undefined, '$'), taken(id)],
    ),
    [
      'a later chunk without any',
      part('tran0', '', '1-4/8', 'abcd', '+') + part('tran1', '', undefined, 'efgh', '$'),
      { frames: ['200 tran0', '400 tran1'], bodies: [], isOpen: true },
      { frames: ['200 tran0', '200 tran1'], bodies: ['abcdefgh'], isOpen: true },
    ],
    [
      'ends that are too far in every chunk',
      part('tran0', '', '1-6/10', 'abcd', '+') + part('tran1', '', '5-10/10', 'efgh', '$'),
      { frames: ['200 tran0', '200 tran1'], bodies: ['abcdefgh'], isOpen: true },
    ],
  ]);

  test('what follows a range that contradicts itself is taken', async () => {
    const octets = part('tran0', '', '0-2/2', 'hi', '$') + part('tran1', '', '1-2/2', 'hi', '$');
    expect(await play(octets)).toEqual({ frames: ['400 tran0', '200 tran1'], bodies: ['hi'], isOpen: true });
  });
});

describe('CPIM with other letter case, lengths and line ends', () => {
  const head = 'From: <sip:alice@example.com>\r\nTo: <sip:bob@example.com>\r\n';
  const content = 'more than three octets';
  const cases: [string, string, boolean][] = [
    [
      'Content-type and Content-length in small letters',
      `${head}\r\nContent-type: text/plain\r\nContent-length: 22\r\n\r\n${content}`,
      true,
    ],
    [
      'a Content-length that is too small',
      `${head}\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\n${content}`,
      true,
    ],
    [
      'a Content-length that is too large',
      `${head}\r\nContent-Type: text/plain\r\nContent-Length: 999\r\n\r\n${content}`,
      true,
    ],
    ['LF alone', `${head}\r\nContent-type: text/plain\r\n\r\n${content}`.replaceAll('\r\n', '\n'), false],
    ['LF alone around the empty line', `${head}\nContent-type: text/plain\r\n\n${content}`, false],
    ['no space behind the colon', `${head.replace(': ', ':')}\r\nContent-Type:text/plain\r\n\r\n${content}`, false],
  ];
  for (const [mode, tolerant] of modes) {
    test.each(cases)(`%s, ${mode}`, async (_, text, strict) => {
      const octets = request('SEND', id, ['Message-ID: mmmm', 'Content-Type: message/cpim'], text);
      const { bodies } = await play(octets);
      const read = (): string => CPIMMessage.parse(Buffer.from(bodies[0]!), { tolerant }).content.toString();
      if (strict || tolerant) expect(read()).toBe(content);
      else expect(read).toThrow(expect.objectContaining({ code: 'MSRP_ERR_BAD_PAYLOAD' }));
    });
  }
});

describe('a Content-Type that is missing or a wildcard', () => {
  const untyped = request('SEND', id, ['Message-ID: mmmm'], 'hi');
  const wild = request('SEND', id, ['Message-ID: mmmm', 'Content-Type: image/*'], 'hi');
  const again = untyped.replaceAll(id, 'tran1').replace('mmmm', 'mmm1');
  check([
    ['missing', untyped, refused(id)],
    ['image/*', wild, refused(id)],
  ]);

  for (const octets of [untyped, wild]) {
    const name = octets === untyped ? 'missing' : 'image/*';
    for (const [mode, tolerant] of modes) {
      const connect = { tolerant, defaultContentType: 'text/plain' };

      test(`${name} is the default type, where there is one, ${mode}`, async () => {
        await withScript(
          async (peer) => {
            peer.send(octets + again);
            await peer.answers();
            const types: (string | undefined)[] = [];
            for await (const { contentType } of peer.session.messages()) if (types.push(contentType) === 2) break;
            expect(types).toEqual(['text/plain', 'text/plain']);
          },
          {},
          connect,
        );
        expect(await play(octets, {}, connect)).toEqual(taken(id, 'hi'));
        expect(await play(octets, { acceptTypes: ['image/png'] }, connect)).toEqual(refused(id, 415));
      });
    }
  }

  test('is the default type of each segment, and another Content-Type stays what it is', async () => {
    const types: (string | undefined)[] = [];
    const onIncoming = (chunk?: Chunk): void => void (chunk && types.push(chunk.contentType));
    await withScript(
      async (peer) => {
        const [before, after] = untyped.split('hi');
        peer.send(`${before}h`);
        await peer.pass(10);
        peer.send(`i${after}${hi.replace('mmmm', 'mmm2').replace('text/plain', 'text/html')}`);
        await peer.answers();
        expect(types).toEqual(['text/x-any', 'text/x-any', 'text/html']);
      },
      { onIncoming, segmentSize: 0 },
      { defaultContentType: 'text/x-any' },
    );
  });

  test('a default type that is none is refused at once', () => {
    const make = (): AcceptorDirect => new AcceptorDirect({ defaultContentType: 'image/*' });
    expect(make).toThrow(expect.objectContaining({ code: 'MSRP_ERR_ARGUMENT' }));
  });
});

describe('text that is no UTF-8', () => {
  const fields = [...message.slice(0, 1), ...message.slice(2)];
  check([
    [
      'in a body is passed on, and as text shown as U+FFFD',
      request('SEND', id, fields, 'caf\xe9'),
      taken(id, 'caf\ufffd'),
    ],
    ['in a header field', request('SEND', id, ['Subject: caf\xe9', ...fields], 'hi'), refused(id)],
  ]);

  test('in a body, its octets are what they were', async () => {
    const octets: Buffer[] = [];
    const onIncoming = (chunk?: Chunk): void => void (chunk && octets.push(chunk.data));
    await withScript(
      async (peer) => {
        peer.send(request('SEND', id, fields, '\xff\xfe\0\xe9'));
        await peer.answers();
        expect(Buffer.concat(octets).toString('latin1')).toBe('\xff\xfe\0\xe9');
      },
      { onIncoming },
    );
  });
});

describe('a Message-ID that is missing', () => {
  check([
    ['missing without a body', request('SEND', id, []), taken(id)],
    ['missing with a body', request('SEND', id, ['Content-Type: text/plain'], 'hi'), refused(id)],
  ]);

  test('missing in what binds the session', async () => {
    expect(await bindWith(request('SEND', id, []))).toMatchObject({ isBound: true, frames: [`200 ${id}`] });
  });
});
