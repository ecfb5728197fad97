// What leaves a connection, in which order: sources, control frames, a frame that is open, and a socket that takes no more.

import { describe, expect, test } from 'vitest';
import { type FrameSource, Outbox, type Pulled } from '../../net/outbox.ts';
import type { Network, Socket } from '../../net/socket.ts';

class FakeSocket {
  writes: string[] = [];
  ended = 0;
  /** What `write` returns. */
  hasRoom = true;
  readonly waiting: (() => void)[] = [];

  write(buffers: readonly Buffer[], written?: () => void): boolean {
    this.writes.push(Buffer.concat(buffers).toString('latin1'));
    if (written !== undefined) this.waiting.push(written);
    return this.hasRoom;
  }

  end(): void {
    this.ended++;
  }
}

function setUp(): {
  socket: FakeSocket;
  outbox: Outbox;
  run: () => void;
  events: string[];
  source: (name: string, ...frames: string[]) => Source;
} {
  const socket = new FakeSocket();
  const deferred: (() => void)[] = [];
  const events: string[] = [];
  const network = { defer: (callback: () => void) => void deferred.push(callback) } as unknown as Network;
  const outbox = new Outbox(socket as unknown as Socket, network, 1000, {
    onFull: () => events.push('full'),
    onRoom: () => events.push('room'),
    onFlush: () => {},
  });
  const run = (): void => {
    for (let next = deferred.shift(); next !== undefined; next = deferred.shift()) next();
  };
  const source = (name: string, ...frames: string[]): Source => new Source(name, frames, events);
  return { socket, outbox, run, events, source };
}

/** Each frame is `x` whole, `x-` one that is left open. */
class Source implements FrameSource {
  isWaiting = false;
  readonly name: string;
  readonly frames: string[];
  readonly #events: string[];

  constructor(name: string, frames: string[], events: string[]) {
    this.name = name;
    this.frames = frames;
    this.#events = events;
  }

  pull(outbox: Outbox): Pulled {
    const frame = this.frames.shift();
    if (frame === undefined) return 'idle';
    const written = {
      onWritten: (bytes: number) => void this.#events.push(`${this.name}:${frame.slice(0, 9)}:${bytes}`),
    };
    outbox.frame(frame === '' ? [] : [Buffer.from(frame)], written, frame.length);
    return frame.endsWith('-') ? 'open' : this.frames.length > 0 ? 'more' : 'idle';
  }

  interrupt(outbox: Outbox, flag: '+' | '#'): void {
    this.#events.push(`${this.name}${flag}`);
    outbox.frame([Buffer.from(flag)]);
  }
}

const large = 'L'.repeat(40_000);

describe('an outbox', () => {
  test('lets control frames pass, and the sources have their turns, all in one write', () => {
    const { socket, outbox, run, source } = setUp();
    outbox.want(source('a', 'a1', 'a2', 'a3'));
    outbox.want(source('b', 'b1', 'b2'));
    outbox.control('one');
    outbox.control('two');
    run();
    expect(socket.writes).toEqual(['onetwoa1b1a2b2a3']);
  });

  test('asks a source once, however often it wants', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', 'a1', 'a2');
    outbox.want(a);
    outbox.want(a);
    outbox.want(source('b', 'b1'));
    run();
    expect(socket.writes).toEqual(['a1b1a2']);
    expect(a.isWaiting).toBe(false);
  });

  test('goes on with an open frame while nobody else waits', () => {
    const { socket, outbox, run, source } = setUp();
    outbox.want(source('a', 'a1-', 'a2-', 'a3'));
    run();
    expect(socket.writes).toEqual(['a1-a2-a3']);
  });

  test('goes on with an open frame whose source asks again', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', `${large}${large}-`, 'a2-', 'a3');
    socket.hasRoom = false;
    outbox.want(a);
    run();
    outbox.want(a);
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.slice(1)).toEqual(['a2-a3']);
  });

  test('ends an open frame for others, and for control frames', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', `${large}-`, `${large}-`, 'a3-', 'a4');
    socket.hasRoom = false;
    outbox.want(a);
    run();
    outbox.control('control');
    outbox.want(source('b', 'b1'));
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.map((octets) => octets.replaceAll('L', ''))).toEqual(['--', '+controlb1a3-a4']);
  });

  test('ends an open frame for another source', () => {
    const { socket, outbox, run, source } = setUp();
    socket.hasRoom = false;
    outbox.want(source('a', `${large}${large}-`, 'a2'));
    run();
    outbox.want(source('b', 'b1'));
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.slice(1)).toEqual(['+b1a2']);
  });

  test('does not ask while the socket is full, and goes on when it has drained', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', 'a1');
    socket.hasRoom = false;
    outbox.want(a);
    run();
    a.frames.push('a2');
    outbox.want(a);
    outbox.control('c');
    run();
    expect(socket.writes).toEqual(['a1']);
    outbox.onDrain();
    expect(socket.writes).toEqual(['a1', 'ca2']);
  });

  test('collects no more than a write takes before it asks the socket', () => {
    const { socket, outbox, run, source } = setUp();
    socket.hasRoom = false;
    outbox.want(source('a', large, large, large));
    run();
    expect(socket.writes.map(({ length }) => length)).toEqual([80_000]);
  });

  test('tells those whose frames the system has, with what was given', () => {
    const { socket, outbox, run, events, source } = setUp();
    outbox.want(source('a', 'a1', 'a22'));
    run();
    expect(events).toEqual([]);
    socket.waiting.shift()?.();
    expect(events).toEqual(['a:a1:2', 'a:a22:3']);
  });

  test('takes a frame of nothing as written when those before it are', () => {
    const { socket, outbox, run, events, source } = setUp();
    outbox.want(source('a', 'a1'));
    run();
    outbox.want(source('b', ''));
    run();
    expect([socket.writes, events]).toEqual([['a1'], []]);
    socket.waiting.shift()?.();
    expect(events).toEqual(['a:a1:2', 'b::0']);
    outbox.want(source('c', ''));
    run();
    expect(events.at(-1)).toBe('c::0');
  });

  test('says when control frames pile up, and when they have left', () => {
    const { socket, outbox, run, events } = setUp();
    socket.hasRoom = false;
    outbox.control('x');
    run();
    outbox.control('x'.repeat(1000));
    expect(events).toEqual([]);
    outbox.control('x');
    outbox.control('x');
    expect(events).toEqual(['full']);
    outbox.onDrain();
    expect(events).toEqual(['full', 'room']);
    outbox.control('x'.repeat(1001));
    outbox.onDrain();
    expect(events).toEqual(['full', 'room', 'full', 'room']);
    outbox.control('x');
    outbox.onDrain();
    expect(events.length).toBe(4);
  });
});

describe('forget()', () => {
  test('leaves out a source that waits, and no other', () => {
    const { socket, outbox, run, source } = setUp();
    const [a, b] = [source('a', 'a1'), source('b', 'b1')];
    outbox.want(a);
    outbox.want(b);
    outbox.forget(a);
    run();
    expect([socket.writes, a.isWaiting]).toEqual([['b1'], false]);
  });

  test('ends the open frame of a source with #, once', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', `${large}${large}-`, 'never');
    socket.hasRoom = false;
    outbox.want(a);
    run();
    outbox.forget(a);
    outbox.forget(a);
    outbox.control('c');
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.slice(1)).toEqual(['#c']);
    expect(a.frames).toEqual(['never']);
  });

  test('of a source that waits does not touch the open frame of another', () => {
    const { socket, outbox, run, source } = setUp();
    const [a, b] = [source('a', `${large}${large}-`, 'a2'), source('b', 'b1')];
    socket.hasRoom = false;
    outbox.want(a);
    run();
    outbox.want(b);
    outbox.forget(b);
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.slice(1)).toEqual(['a2']);
  });
});

describe('end()', () => {
  test('comes behind all that waits', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', large, large, 'a3');
    socket.hasRoom = false;
    outbox.want(a);
    outbox.control('c');
    outbox.end();
    run();
    expect(socket.ended).toBe(0);
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.map(({ length }) => length)).toEqual([80_001, 2]);
    expect(socket.ended).toBe(1);
    outbox.want(source('b', 'b1'));
    outbox.control('c');
    run();
    expect(socket.writes.length).toBe(2);
  });

  test('behind the control frames alone leaves the sources out', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', 'a1');
    outbox.want(a);
    outbox.control('c');
    outbox.end(true);
    run();
    expect([socket.writes, socket.ended, a.isWaiting]).toEqual([['c'], 1, false]);
  });

  test('behind the control frames alone ends an open frame first: in it they would be lost', () => {
    const { socket, outbox, run, source } = setUp();
    socket.hasRoom = false;
    outbox.want(source('a', `${large}${large}-`, 'never'));
    run();
    outbox.control('c');
    outbox.end(true);
    socket.hasRoom = true;
    outbox.onDrain();
    expect(socket.writes.slice(1)).toEqual(['#c']);
    expect(socket.ended).toBe(1);
  });
});

describe('close()', () => {
  test('lets nothing leave any more', () => {
    const { socket, outbox, run, events, source } = setUp();
    const a = source('a', `${large}${large}-`);
    socket.hasRoom = false;
    outbox.want(a);
    run();
    outbox.control('c');
    outbox.close();
    outbox.forget(a);
    outbox.control('c');
    outbox.want(source('b', 'b1'));
    outbox.end();
    outbox.onDrain();
    run();
    expect([socket.writes.length, socket.ended, events]).toEqual([1, 0, []]);
  });

  test('while it is told what was written, too', () => {
    const { socket, outbox, run, source } = setUp();
    const a = source('a', '', 'never');
    const pull = a.pull.bind(a);
    a.pull = (box) => {
      pull(box);
      box.frame([], { onWritten: () => outbox.close() });
      return 'idle';
    };
    outbox.want(a);
    run();
    outbox.onDrain();
    expect(socket.writes).toEqual([]);
  });
});
