// Section 7 of RFC 4975 cell by cell: for each Failure-Report and Success-Report, what the receiver sends and what the sender makes of it.

import { describe, expect, test } from 'vitest';
import type { Chunk, SessionOptions } from '../../index.ts';
import { part, reportOn, responseTo, textOf, watch } from './script-frames.ts';
import { brief, type ScriptedPeer, withScript } from './scripted-peer.ts';

type FailureReport = 'yes' | 'partial' | 'no';
type SuccessReport = 'yes' | 'no';

/** The header lines that ask for what is not the default. */
function wishLines(failure: FailureReport, success: SuccessReport): string {
  return `Failure-Report: ${failure}\r\nSuccess-Report: ${success}\r\n`;
}

describe('what a receiver sends', () => {
  const report = 'REPORT mmmm 1-6/6 000 200';
  /** What the peer sends, in frames of a head and a body, and how the session takes it. */
  const deeds: Record<
    string,
    { frames: [range: string, body: string | undefined, flag: string][]; o: SessionOptions }
  > = {
    whole: { frames: [['1-6/6', 'abcdef', '$']], o: {} },
    chunks: {
      frames: [
        ['1-3/6', 'abc', '+'],
        ['4-6/6', 'def', '$'],
      ],
      o: {},
    },
    reversed: {
      frames: [
        ['4-6/6', 'def', '$'],
        ['1-3/6', 'abc', '+'],
      ],
      o: {},
    },
    again: {
      frames: [
        ['1-6/6', 'abcdef', '$'],
        ['1-6/6', 'abcdef', '$'],
      ],
      o: {},
    },
    'given up': {
      frames: [
        ['1-3/6', 'abc', '+'],
        ['4-*/6', 'd', '#'],
      ],
      o: {},
    },
    'of a type not taken': { frames: [['1-6/6', 'abcdef', '$']], o: { acceptTypes: ['image/*'] } },
    'said to be too large': { frames: [['1-3/6', 'abc', '+']], o: { maxSize: 5 } },
    'found too large': {
      frames: [
        ['1-3/*', 'abc', '+'],
        ['4-6/*', 'def', '+'],
      ],
      o: { maxSize: 5 },
    },
    'reported on by nobody': { frames: [['1-6/6', 'abcdef', '$']], o: { automaticReports: false } },
  };

  const table: [deed: string, failure: FailureReport, success: SuccessReport, answers: string[]][] = [
    ['whole', 'yes', 'no', ['200 tran0']],
    ['whole', 'yes', 'yes', ['200 tran0', report]],
    ['whole', 'partial', 'no', []],
    ['whole', 'partial', 'yes', [report]],
    ['whole', 'no', 'no', []],
    ['whole', 'no', 'yes', [report]],
    ['chunks', 'yes', 'no', ['200 tran0', '200 tran1']],
    ['chunks', 'yes', 'yes', ['200 tran0', '200 tran1', report]],
    ['chunks', 'partial', 'no', []],
    ['chunks', 'partial', 'yes', [report]],
    ['chunks', 'no', 'no', []],
    ['chunks', 'no', 'yes', [report]],
    ['reversed', 'yes', 'no', ['200 tran0', '200 tran1']],
    ['reversed', 'yes', 'yes', ['200 tran0', '200 tran1', report]],
    ['reversed', 'partial', 'no', []],
    ['reversed', 'partial', 'yes', [report]],
    ['reversed', 'no', 'no', []],
    ['reversed', 'no', 'yes', [report]],
    ['again', 'yes', 'no', ['200 tran0', '200 tran1']],
    ['again', 'yes', 'yes', ['200 tran0', report, '200 tran1', report]],
    ['again', 'partial', 'no', []],
    ['again', 'partial', 'yes', [report, report]],
    ['again', 'no', 'no', []],
    ['again', 'no', 'yes', [report, report]],
    ['given up', 'yes', 'no', ['200 tran0', '200 tran1']],
    ['given up', 'yes', 'yes', ['200 tran0', '200 tran1']],
    ['given up', 'partial', 'no', []],
    ['given up', 'partial', 'yes', []],
    ['given up', 'no', 'no', []],
    ['given up', 'no', 'yes', []],
    ['of a type not taken', 'yes', 'no', ['415 tran0']],
    ['of a type not taken', 'yes', 'yes', ['415 tran0']],
    ['of a type not taken', 'partial', 'no', ['415 tran0']],
    ['of a type not taken', 'partial', 'yes', ['415 tran0']],
    ['of a type not taken', 'no', 'no', []],
    ['of a type not taken', 'no', 'yes', []],
    ['said to be too large', 'yes', 'no', ['413 tran0']],
    ['said to be too large', 'yes', 'yes', ['413 tran0']],
    ['said to be too large', 'partial', 'no', ['413 tran0']],
    ['said to be too large', 'partial', 'yes', ['413 tran0']],
    ['said to be too large', 'no', 'no', []],
    ['said to be too large', 'no', 'yes', []],
    ['found too large', 'yes', 'no', ['200 tran0', '413 tran1']],
    ['found too large', 'yes', 'yes', ['200 tran0', '413 tran1']],
    ['found too large', 'partial', 'no', ['413 tran1']],
    ['found too large', 'partial', 'yes', ['413 tran1']],
    ['found too large', 'no', 'no', []],
    ['found too large', 'no', 'yes', []],
    ['reported on by nobody', 'yes', 'no', ['200 tran0']],
    ['reported on by nobody', 'yes', 'yes', ['200 tran0']],
    ['reported on by nobody', 'partial', 'no', []],
    ['reported on by nobody', 'partial', 'yes', []],
    ['reported on by nobody', 'no', 'no', []],
    ['reported on by nobody', 'no', 'yes', []],
  ];

  test.each(table)(
    'to a message that is %s: Failure-Report %s, Success-Report %s',
    async (deed, failure, success, answers) => {
      const { frames, o } = deeds[deed]!;
      await withScript(async (peer) => {
        const wishes = wishLines(failure, success);
        for (const [index, frame] of frames.entries()) peer.send(part(`tran${index}`, wishes, ...frame));
        expect((await peer.answers()).map(brief)).toEqual(answers);
      }, o);
    },
  );

  const byHand: [code: number, failure: FailureReport, success: SuccessReport, answers: string[]][] = [
    [403, 'yes', 'no', ['200 tran0', 'REPORT mmmm 1-6/6 000 403']],
    [403, 'yes', 'yes', ['200 tran0', 'REPORT mmmm 1-6/6 000 403']],
    [403, 'partial', 'no', ['REPORT mmmm 1-6/6 000 403']],
    [403, 'partial', 'yes', ['REPORT mmmm 1-6/6 000 403']],
    [403, 'no', 'no', []],
    [403, 'no', 'yes', []],
    [200, 'yes', 'no', ['200 tran0']],
    [200, 'yes', 'yes', ['200 tran0', report]],
    [200, 'partial', 'no', []],
    [200, 'partial', 'yes', [report]],
    [200, 'no', 'no', []],
    [200, 'no', 'yes', [report]],
  ];

  test.each(byHand)(
    'when the application reports %i: Failure-Report %s, Success-Report %s',
    async (code, failure, success, answers) => {
      const got: Chunk[] = [];
      await withScript(
        async (peer) => {
          peer.send(part('tran0', wishLines(failure, success), '1-6/6', 'abcdef', '$'));
          const first = await peer.answers();
          peer.session.sendReport(got[0]!, code);
          expect([...first, ...(await peer.answers())].map(brief)).toEqual(answers);
        },
        { automaticReports: false, onIncoming: (chunk) => void (chunk && got.push(chunk)) },
      );
    },
  );

  const bodiless: [failure: FailureReport, success: SuccessReport, answers: string[]][] = [
    ['yes', 'no', ['200 tran0']],
    ['yes', 'yes', ['200 tran0', 'REPORT mmmm 1-0/0 000 200']],
    ['partial', 'no', []],
    ['partial', 'yes', ['REPORT mmmm 1-0/0 000 200']],
    ['no', 'no', []],
    ['no', 'yes', ['REPORT mmmm 1-0/0 000 200']],
  ];

  test.each(bodiless)(
    'to an empty request: Failure-Report %s, Success-Report %s',
    async (failure, success, answers) => {
      await withScript(async (peer) => {
        peer.send(part('tran0', wishLines(failure, success), '1-0/0', undefined, '$'));
        expect((await peer.answers()).map(brief)).toEqual(answers);
      });
    },
  );
});

describe('what a sender makes of', () => {
  type Outcome =
    | 'success'
    | 'refusal'
    | 'no such session'
    | 'silence'
    | 'a failure REPORT'
    | 'a failure REPORT behind success'
    | 'a REPORT of a timeout'
    | 'a success REPORT alone'
    | 'the end of the connection'
    | 'a reset';

  /** `sent`, `delivered`, what the callback of `sendChunk` got, and the session. `-`: nothing yet. */
  type Cell = [sent: string, delivered: string, callback: string, session: string];
  const table: Record<`${FailureReport} ${SuccessReport}`, Record<Outcome, Cell>> = {
    'yes no': {
      success: ['ok', 'ok', '200', 'open'],
      refusal: ['ok', '403', '403', 'open'],
      'no such session': ['ok', '481', '481', '481'],
      silence: ['ok', '408', '408', '408'],
      'a failure REPORT': ['ok', '403', '-', 'open'],
      'a failure REPORT behind success': ['ok', 'ok', '200', 'open'],
      'a REPORT of a timeout': ['ok', '408', '408', '408'],
      'a success REPORT alone': ['ok', '-', '-', 'open'],
      'the end of the connection': ['ok', 'MSRP_ERR_SESSION', '408', 'over'],
      'a reset': ['ok', 'MSRP_ERR_CLOSED', '408', 'MSRP_ERR_CLOSED'],
    },
    'yes yes': {
      success: ['ok', 'ok', '200', 'open'],
      refusal: ['ok', '403', '403', 'open'],
      'no such session': ['ok', '481', '481', '481'],
      silence: ['ok', '408', '408', '408'],
      'a failure REPORT': ['ok', '403', '-', 'open'],
      'a failure REPORT behind success': ['ok', '403', '200', 'open'],
      'a REPORT of a timeout': ['ok', '408', '408', '408'],
      'a success REPORT alone': ['ok', 'ok', '-', 'open'],
      'the end of the connection': ['ok', 'MSRP_ERR_SESSION', '408', 'over'],
      'a reset': ['ok', 'MSRP_ERR_CLOSED', '408', 'MSRP_ERR_CLOSED'],
    },
    'partial no': {
      success: ['ok', 'ok', '-', 'open'],
      refusal: ['ok', 'ok', '403', 'open'],
      'no such session': ['ok', 'ok', '481', '481'],
      silence: ['ok', 'ok', 'none', 'open'],
      'a failure REPORT': ['ok', 'ok', '-', 'open'],
      'a failure REPORT behind success': ['ok', 'ok', '-', 'open'],
      'a REPORT of a timeout': ['ok', 'ok', '408', '408'],
      'a success REPORT alone': ['ok', 'ok', '-', 'open'],
      'the end of the connection': ['ok', 'ok', '408', 'over'],
      'a reset': ['ok', 'ok', '408', 'MSRP_ERR_CLOSED'],
    },
    'partial yes': {
      success: ['ok', 'ok', '-', 'open'],
      refusal: ['ok', '403', '403', 'open'],
      'no such session': ['ok', '481', '481', '481'],
      silence: ['ok', '-', 'none', 'open'],
      'a failure REPORT': ['ok', '403', '-', 'open'],
      'a failure REPORT behind success': ['ok', '403', '-', 'open'],
      'a REPORT of a timeout': ['ok', '408', '408', '408'],
      'a success REPORT alone': ['ok', 'ok', '-', 'open'],
      'the end of the connection': ['ok', 'MSRP_ERR_SESSION', '408', 'over'],
      'a reset': ['ok', 'MSRP_ERR_CLOSED', '408', 'MSRP_ERR_CLOSED'],
    },
    'no no': {
      success: ['ok', 'ok', '-', 'open'],
      refusal: ['ok', 'ok', '-', 'open'],
      'no such session': ['ok', 'ok', '-', 'open'],
      silence: ['ok', 'ok', '-', 'open'],
      'a failure REPORT': ['ok', 'ok', '-', 'open'],
      'a failure REPORT behind success': ['ok', 'ok', '-', 'open'],
      'a REPORT of a timeout': ['ok', 'ok', '-', '408'],
      'a success REPORT alone': ['ok', 'ok', '-', 'open'],
      'the end of the connection': ['ok', 'ok', '-', 'over'],
      'a reset': ['ok', 'ok', '-', 'MSRP_ERR_CLOSED'],
    },
    'no yes': {
      success: ['ok', 'ok', '-', 'open'],
      refusal: ['ok', '-', '-', 'open'],
      'no such session': ['ok', '-', '-', 'open'],
      silence: ['ok', '-', '-', 'open'],
      'a failure REPORT': ['ok', '403', '-', 'open'],
      'a failure REPORT behind success': ['ok', '403', '-', 'open'],
      'a REPORT of a timeout': ['ok', '408', '-', '408'],
      'a success REPORT alone': ['ok', 'ok', '-', 'open'],
      'the end of the connection': ['ok', 'MSRP_ERR_SESSION', '-', 'over'],
      'a reset': ['ok', 'MSRP_ERR_CLOSED', '-', 'MSRP_ERR_CLOSED'],
    },
  };

  const rows = Object.entries(table).flatMap(([wishes, outcomes]) => {
    const [failure, success] = wishes.split(' ') as [FailureReport, SuccessReport];
    return Object.entries(outcomes).map(([outcome, cell]) => ({ outcome: outcome as Outcome, failure, success, cell }));
  });

  for (const row of rows) {
    const { outcome, failure, success, cell } = row;
    test(`${outcome}: Failure-Report ${failure}, Success-Report ${success}`, async () => {
      const [sent, delivered, callback, session] = cell;
      await withScript(
        async (peer) => {
          const message = peer.session.send('abcdef', { failureReport: failure, successReport: success });
          const tell = [
            watch(message.sent, '-', 'ok'),
            watch(message.delivered, '-', 'ok'),
            watch(peer.session.closed, 'open', 'over'),
          ];
          await play(peer, outcome);
          expect(tell.map((state) => state())).toEqual([sent, delivered, session]);
        },
        { chunkSize: 3 },
      );
      await withScript(async (peer) => {
        let got = '-';
        const chunk = peer.transport.makeChunk({ data: 'abcdef', failureReport: failure, successReport: success });
        peer.session.sendChunk(chunk, (response) => {
          got = textOf(response);
        });
        const state = watch(peer.session.closed, 'open', 'over');
        await play(peer, outcome);
        expect([got, state()]).toEqual([callback, session]);
      });
    });
  }

  /** The requests arrive, and this becomes of them. */
  async function play(peer: ScriptedPeer, outcome: Outcome): Promise<void> {
    if (outcome === 'a reset') peer.endpoint.socket.pause();
    await peer.pass(10);
    const requests = peer.take();
    const respond = (status: string): void => {
      for (const request of requests) peer.send(responseTo(request, status));
    };
    const [first] = requests;
    const deeds: Record<Outcome, () => void> = {
      success: () => {
        if (first!.failureReport === 'yes') respond('200 OK');
        if (first!.successReport === 'yes') peer.send(reportOn(first!, '1-6/6', '000 200 OK'));
      },
      refusal: () => respond('403 Forbidden'),
      'no such session': () => respond('481 No such session'),
      silence: () => {},
      'a failure REPORT': () => peer.send(reportOn(first!, '1-3/6', '000 403 Forbidden')),
      'a failure REPORT behind success': () => {
        if (first!.failureReport === 'yes') respond('200 OK');
        peer.send(reportOn(first!, '1-3/6', '000 403 Forbidden'));
      },
      'a REPORT of a timeout': () => peer.send(reportOn(first!, '1-3/6', '000 408 Timeout')),
      'a success REPORT alone': () => peer.send(reportOn(first!, '1-6/6', '000 200 OK')),
      'the end of the connection': () => peer.endpoint.socket.end(),
      // With octets unread.
      'a reset': () => peer.endpoint.socket.destroy(),
    };
    deeds[outcome]();
    await peer.pass(outcome === 'silence' ? 30_250 : 10);
  }
});
