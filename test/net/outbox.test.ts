// Frames that are open while their octets are still to come.

import { describe, expect, test } from 'vitest';
import { type FrameSource, Outbox, type Pulled } from '../../net/outbox.ts';
import type { Socket } from '../../net/socket.ts';

/** What leaves, and the source whose frames these are. */
class Bench implements FrameSource {
  isWaiting = false;
  readonly written: string[] = [];
  readonly outbox: Outbox;
  /** Parts that are at hand; the last one ends the frame if it is `$`. */
  readonly parts: string[] = [];
  readonly #deferred: (() => void)[] = [];
  isEnded = false;

  constructor() {
    const socket = {
      write: (buffers: readonly Buffer[]) => {
        this.written.push(Buffer.concat(buffers).toString());
        return true;
      },
      end: () => {
        this.isEnded = true;
      },
    } as unknown as Socket;
    const network = { defer: (run: () => void) => this.#deferred.push(run) } as never;
    this.outbox = new Outbox(socket, network, 1000, { onFull: () => {}, onRoom: () => {}, onFlush: () => {} });
  }

  pull(outbox: Outbox): Pulled {
    const part = this.parts.shift();
    if (part === undefined) return 'idle';
    outbox.frame([Buffer.from(part)]);
    if (part === '$') return 'idle';
    return this.parts.length > 0 ? 'open' : 'awaiting';
  }

  interrupt(outbox: Outbox, flag: string): void {
    outbox.frame([Buffer.from(flag)]);
  }

  /** Parts have come. */
  add(...parts: string[]): void {
    this.parts.push(...parts);
    this.outbox.want(this);
  }

  settle(): string {
    for (const run of this.#deferred.splice(0)) run();
    return this.written.splice(0).join('|');
  }
}

class Other implements FrameSource {
  isWaiting = false;

  pull(outbox: Outbox): Pulled {
    outbox.frame([Buffer.from('other')]);
    return 'idle';
  }
}

describe('an outbox with an open frame', () => {
  test('asks for its next part when that is there, and not before', () => {
    const bench = new Bench();
    bench.add('a', 'b');
    expect(bench.settle()).toBe('ab');
    expect(bench.settle()).toBe('');
    bench.add('c');
    expect(bench.settle()).toBe('c');
    bench.add('$');
    expect(bench.settle()).toBe('$');
  });

  test('interrupts it for what is urgent, and for others', () => {
    const bench = new Bench();
    bench.add('a');
    bench.settle();
    bench.outbox.control('200');
    expect(bench.settle()).toBe('+200');
    bench.add('b');
    bench.settle();
    const other = new Other();
    bench.outbox.want(other);
    expect(bench.outbox.isContended).toBe(true);
    expect(bench.settle()).toBe('+other');
  });

  test('gives it up when the outbox ends, since nobody will ask again', () => {
    const bench = new Bench();
    bench.add('a');
    bench.settle();
    bench.outbox.end();
    expect([bench.settle(), bench.isEnded]).toEqual(['#', true]);
  });

  test('sends at once when it is told to', () => {
    const bench = new Bench();
    bench.add('a');
    bench.outbox.flush();
    expect(bench.written).toEqual(['a']);
    expect(bench.settle()).toBe('a');
  });
});
