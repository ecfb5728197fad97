import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkParseError } from '../../codec/errors.ts';
import { formatNickname, parseNickname } from '../../codec/nickname.ts';
import { faultOf } from '../support/fault.ts';

describe('a nickname', () => {
  test.each([
    ['""', ''],
    ['"bob"', 'bob'],
    ['"Al \\"the\\\\best\\" ice"', 'Al "the\\best" ice'],
    ['"\\\\"', '\\'],
    ['" \ttabs and spaces "', ' \ttabs and spaces '],
    ['"Zoë €😀"', 'Zoë €😀'],
    [`"${'x'.repeat(1023)}"`, 'x'.repeat(1023)],
    [`"${'\\"'.repeat(1023)}"`, '"'.repeat(1023)],
    [`"${'€'.repeat(341)}"`, '€'.repeat(341)],
  ])('%s is read and written', (value, nickname) => {
    expect(parseNickname(value)).toBe(nickname);
    expect(formatNickname(nickname)).toBe(value);
  });

  test.each([
    '',
    'bob',
    '"',
    '"bob',
    'bob"',
    '"a"b"',
    '"a" ',
    ' "a"',
    '"a\\b"',
    '"a\\"',
    '"\\\\\\"',
    '"a\nb"',
    '"a\0b"',
    '"\x7f"',
    `"${'x'.repeat(1024)}"`,
    `"${'€'.repeat(341)}x"`,
  ])('%j is refused with 424', (value) => {
    const fault = faultOf(() => parseNickname(value));
    expect(fault).toBeInstanceOf(ChunkParseError);
    expect(fault).toMatchObject({ code: 'MSRP_ERR_BAD_NICKNAME', action: 'respond', status: 424 });
  });

  test.each(['a\nb', 'a\r', '\0', '\x7f', '\ud800', 'x'.repeat(1024), '€'.repeat(342)])(
    '%j cannot be written',
    (nickname) => {
      expect(faultOf(() => formatNickname(nickname)).code).toBe('MSRP_ERR_ARGUMENT');
    },
  );

  test('what is written is read back', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.oneof(fc.constantFrom('"', '\\', ' '), fc.string({ unit: 'binary', maxLength: 1 })) }),
        (text) => {
          const nickname = text.replaceAll(/(?!\t)\p{ASCII}/gu, (one) => (one >= ' ' && one <= '~' ? one : ''));
          expect(parseNickname(formatNickname(nickname))).toBe(nickname);
        },
      ),
    );
  });

  test('any text is a nickname that is written as it came, or a bad-nickname', () => {
    const pieces = fc.array(fc.constantFrom('"', '\\', 'a', ' ', '\n', 'é'));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          pieces.map((parts) => `"${parts.join('')}"`),
        ),
        (text) => {
          try {
            expect(formatNickname(parseNickname(text))).toBe(text);
          } catch (error) {
            if (!(error instanceof ChunkParseError)) throw error;
            expect(error.kind).toBe('bad-nickname');
          }
        },
      ),
    );
  });

  test.each(['a', '"', '\\', '\\\\', '\\"', '\n'])('a mebibyte of %j is refused in linear time', (piece) => {
    const long = piece.repeat(2 ** 20 / piece.length);
    for (const text of [long, `"${long}`, `"${long}"`, `"${long}\n"`]) {
      expect(faultOf(() => parseNickname(text)).message.length).toBeLessThan(400);
    }
  });
});
