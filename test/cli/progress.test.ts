// The progress bar of `msrp send`: drawn on a terminal, for files of known size, and leaving nothing behind.

import { truncateSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { ended, said } from './msrp.ts';
import { hasTerminals, onTerminal, startOnTerminal } from './terminal.ts';
import { Workplace } from './transfer.ts';

const place = new Workplace();
const bar = /big\.bin [=-]{40} \d+% \d+\/\d+ bytes/;
const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const eraseLine = '\x1b[1G\x1b[2K';

describe('a terminal', { skip: !hasTerminals }, () => {
  test('shows a bar on stderr, and at the end an empty line and the cursor', async () => {
    const file = place.file('big.bin', Buffer.alloc(5_000_000));
    const receiver = await place.receive('--once');
    const text = await onTerminal(`"$NODE" "$MAIN" send '${receiver.path}' '${file}' > /dev/null`);
    expect(text).toMatch(bar);
    expect(text.lastIndexOf(showCursor)).toBeGreaterThan(text.lastIndexOf(hideCursor));
    expect(text.endsWith(eraseLine)).toBe(true);
    expect(await receiver.ended()).toMatchObject({ exitCode: 0 });
  });

  test.each([1, 2])('is left clean by Ctrl-C, pressed %d times', async (times) => {
    const file = place.file('big.bin', '');
    truncateSync(file, 1_000_000_000);
    const receiver = await place.receive('--once');
    const child = startOnTerminal(`"$NODE" "$MAIN" send '${receiver.path}' '${file}'`);
    const end = ended(child);
    const cleaned = said(child, eraseLine);
    await place.present('big.bin.part');
    receiver.child.kill('SIGSTOP');
    child.stdin.write('\x03');
    if (times === 2) {
      await cleaned;
      child.stdin.write('\x03');
    }
    const { stdout: text, exitCode } = await end;
    await receiver.stop('SIGKILL');
    expect(text).toMatch(bar);
    expect(text.lastIndexOf(showCursor)).toBeGreaterThan(text.lastIndexOf(hideCursor));
    const rest = text.slice(text.lastIndexOf(eraseLine) + eraseLine.length);
    // The second time nothing is waited for, and nothing more is said.
    const given = `msrp send: ${file} did not arrive: the message was given up (MSRP_ERR_ABORTED)\r\n`;
    expect(rest.replace('^C', '')).toBe(times === 1 ? given : '');
    expect(exitCode).toBe(130);
  });

  test.each([
    ['with --json', 'FILE --json', ''],
    ['for standard input', '- < FILE', ''],
    ['where stderr is no terminal', 'FILE', '2> /dev/null'],
  ])('shows none %s', async (_, source, redirection) => {
    const file = place.file('big.bin', Buffer.alloc(5_000_000));
    const receiver = await place.receive('--once');
    const args = source.replace('FILE', `'${file}'`);
    const text = await onTerminal(`"$NODE" "$MAIN" send '${receiver.path}' ${args} ${redirection}`);
    expect(text).toMatch(/^[^\x1b\r\n]+\n$/);
    expect(await receiver.ended()).toMatchObject({ exitCode: 0 });
  });
});
