// Reports beyond the table of section 7: what does not fit into a row of it.

import { describe, expect, test } from 'vitest';
import type { Chunk } from '../../index.ts';
import { part, reportOn, responseTo, textOf, watch } from './script-frames.ts';
import { brief, withScript } from './scripted-peer.ts';

describe('reports', () => {
  test('a REPORT about a message that was never sent changes nothing, whatever its code (R4975-7.1.2-4)', async () => {
    await withScript(async (peer) => {
      const state = watch(peer.session.closed, 'open', 'over');
      const stranger = peer.transport.makeChunk({ messageId: 'never-sent' });
      peer.send(reportOn(stranger, '1-3/6', '000 481 No such session'));
      await peer.pass(10);
      expect(state()).toBe('open');
    });
  });

  test('a message with Failure-Report partial that is refused after it was sent tells its user (section 7)', async () => {
    await withScript(async (peer) => {
      const failures: unknown[] = [];
      const message = peer.session.send('abcdef', {
        failureReport: 'partial',
        onFailure: (error) => failures.push(error.status),
      });
      await peer.pass(10);
      await message.delivered;
      for (const request of peer.take()) peer.send(responseTo(request, '403 Forbidden'));
      await peer.pass(10);
      expect(failures).toEqual([403]);
    });
  });

  test('a session can be shut down though a success REPORT never comes, which is told (section 7)', async () => {
    await withScript(async (peer) => {
      const message = peer.session.send('abcdef', { failureReport: 'no', successReport: 'yes' });
      const states = [watch(message.delivered, '-', 'ok'), watch(peer.session.closed, 'open', 'over')];
      await peer.pass(10);
      await peer.session.shutdown({ wait: false });
      await peer.pass(3_600_000);
      expect(states.map((state) => state())).toEqual([expect.not.stringMatching(/^(ok|-)$/), 'over']);
    });
  });

  test('a chunk with Failure-Report no never calls back, also when the session ends before it is sent', async () => {
    await withScript(async (peer) => {
      let got = '-';
      const chunk = peer.transport.makeChunk({ data: 'abcdef', failureReport: 'no' });
      peer.session.sendChunk(chunk, (response) => {
        got = textOf(response);
      });
      peer.transport.destroy();
      await peer.pass(10);
      expect(got).toBe('-');
    });
  });

  test('an empty request that names no range is reported on with one (D-REPORT-3)', async () => {
    await withScript(async (peer) => {
      peer.send(part('tran0', 'Failure-Report: no\r\nSuccess-Report: yes\r\n', undefined, undefined, '$'));
      expect((await peer.answers()).map(brief)).toEqual(['REPORT mmmm 1-0/0 000 200']);
    });
  });

  test('a message that is given up between two chunks is not reported as a success (D-REPORT-2)', async () => {
    await withScript(async (peer) => {
      peer.send(part('tran0', 'Success-Report: yes\r\n', '1-3/6', 'abc', '+'));
      peer.send(part('tran1', 'Success-Report: yes\r\n', '1-0/6', undefined, '#'));
      expect((await peer.answers()).map(brief)).toEqual(['200 tran0', '200 tran1']);
    });
  });

  test('an empty message that wants a success REPORT is not delivered before it has come', async () => {
    await withScript(async (peer) => {
      const message = peer.session.send('', { failureReport: 'no', successReport: 'yes' });
      const state = watch(message.delivered, '-', 'ok');
      await peer.pass(10);
      expect(state()).toBe('-');
    });
  });

  test('an empty message that comes again is reported on again (R4975-5.4-14)', async () => {
    await withScript(async (peer) => {
      for (const id of ['tran0', 'tran1']) peer.send(part(id, 'Success-Report: yes\r\n', '1-0/0', '', '$'));
      const report = 'REPORT mmmm 1-0/0 000 200';
      expect((await peer.answers()).map(brief)).toEqual(['200 tran0', report, '200 tran1', report]);
    });
  });

  test('a chunk without octets, in the middle of a message that came before, is reported on with a range that can be', async () => {
    await withScript(async (peer) => {
      peer.send(part('tran0', 'Success-Report: yes\r\n', '1-3/3', 'abc', '$'));
      peer.send(part('tran1', 'Success-Report: yes\r\n', '2-*/*', '', '$'));
      expect((await peer.answers()).map(brief)).toEqual([
        '200 tran0',
        'REPORT mmmm 1-3/3 000 200',
        '200 tran1',
        'REPORT mmmm 1-0/* 000 200',
      ]);
    });
  });

  // A REPORT with such a range is malformed (D-ERR-7): it would be ignored.
  for (const [what, times, onIncoming] of [
    ['a message that came before', 2, undefined],
    ['a chunk, by the application', 1, () => {}],
  ] as const) {
    test(`about ${what} and has more octets than its total said, a REPORT has a range that can be (D-REPORT-1)`, async () => {
      const got: Chunk[] = [];
      const o = onIncoming && {
        automaticReports: false,
        onIncoming: (chunk?: Chunk) => void (chunk && got.push(chunk)),
      };
      await withScript(async (peer) => {
        for (let count = 0; count < times; count++) {
          peer.send(part(`tran${count}`, 'Success-Report: yes\r\nFailure-Report: no\r\n', '1-3/3', 'abcd', '$'));
        }
        await peer.pass(10);
        if (got[0] !== undefined) peer.session.sendReport(got[0], 200);
        await peer.pass(10);
        expect(peer.endpoint.data.toString()).not.toMatch(/Byte-Range: 1-4\/3/);
      }, o ?? {});
    });
  }
});
