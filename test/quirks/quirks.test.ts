import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { quirks } from './quirks.ts';

test('no row is missing, and none comes twice', () => {
  const numbers = Array.from({ length: 38 }, (_, index) => index + 1);
  expect(quirks.map(([row]) => row)).toEqual([...numbers, '38b', 39]);
  expect(new Set(quirks.map(([, subject]) => subject)).size).toBe(quirks.length);
});

test.each(quirks.slice(0, 37))('row %s, %s, is played under its subject in %s', (_, subject, where) => {
  expect(files().filter((file) => sourceOf(file).includes(`describe('${subject}', `))).toEqual([where]);
});

function files(): string[] {
  return [...new Set(quirks.flatMap(([, , where]) => (typeof where === 'string' ? [where] : [])))];
}

function sourceOf(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
