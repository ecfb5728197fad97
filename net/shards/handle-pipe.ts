// Handing a connection to another thread where a socket cannot be transferred (Node before 24.20): its handle goes over a pipe of the kind
// that Node has for child processes, but with both ends in this process. The system gives the other end a descriptor of its own, so that no
// number is shared between threads. Node has no public way to this: these are the bindings that its own cluster module stands on.

import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, Socket as RawSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';

/** The handle of a socket or a pipe. */
interface Handle {
  readonly fd: number;
}

interface Request {
  oncomplete: (status: number) => void;
}

interface PipeHandle extends Handle {
  pendingHandle: Handle | null | undefined;
  onread: ((input: ArrayBuffer | undefined) => void) | undefined;
  open(fd: number): number;
  connect(request: Request, path: string): number | undefined;
  readStart(): number;
  writeUtf8String(request: Request, text: string, handle: Handle): number;
  unref(): void;
  close(): void;
}

interface Bindings {
  readonly pipe_wrap: {
    readonly Pipe: new (type: number) => PipeHandle;
    readonly PipeConnectWrap: new () => Request;
    readonly constants: { readonly IPC: number };
  };
  readonly stream_wrap: { readonly WriteWrap: new () => Request };
}

function binding<Name extends keyof Bindings>(name: Name): Bindings[Name] {
  return (process as unknown as { binding(name: Name): Bindings[Name] }).binding(name);
}

function newPipe(): PipeHandle {
  const { Pipe, constants } = binding('pipe_wrap');
  return new Pipe(constants.IPC);
}

/** How long the other thread may take to come to the pipe, in milliseconds. */
const patienceMs = 2000;

/** The end that handles go into. */
export class HandleSender {
  readonly #pipe: PipeHandle;

  private constructor(pipe: PipeHandle) {
    this.#pipe = pipe;
  }

  /** Makes a pipe and gives its path to `invite`, for {@link receiveHandles} in the other thread; resolves when that has come. */
  static open(invite: (path: string) => void): Promise<HandleSender> {
    // Nobody but this user may come to the folder.
    const folder = mkdtempSync(join(tmpdir(), 'msrp-'));
    const path = join(folder, randomUUID().slice(0, 8));
    return new Promise((resolve, reject) => {
      const server = createServer({ pauseOnConnect: true }, (accepted) => {
        clear();
        resolve(new HandleSender(pipeOf(accepted)));
      });
      // Where no more files can be opened the system closes what it cannot give us, and says nothing.
      const late = systemClock.setTimer(() => fail(new Error('no pipe to a shard')), patienceMs);
      const clear = (): void => {
        late.cancel();
        server.close();
        rmSync(folder, { recursive: true, force: true });
      };
      const fail = (error: Error): void => {
        clear();
        reject(error);
      };
      server.on('error', fail);
      server.listen(path, () => invite(path));
      server.unref();
    });
  }

  /** `done` gets false when it could not be sent; `raw` may be closed then, or after it. */
  send(raw: RawSocket, text: string, done: (isSent: boolean) => void): void {
    const { WriteWrap } = binding('stream_wrap');
    const request = new WriteWrap();
    request.oncomplete = (status) => done(status === 0);
    const handle = (raw as unknown as { _handle: Handle | null })._handle;
    if (handle === null || this.#pipe.writeUtf8String(request, text, handle) !== 0) done(false);
  }

  close(): void {
    this.#pipe.close();
  }
}

/**
 * An accepted connection is no pipe for handles; another handle on its descriptor is. The first one is never used nor closed: the descriptor
 * is the second one's alone, and may belong to others when that is closed.
 */
function pipeOf(accepted: RawSocket): PipeHandle {
  const { fd } = (accepted as unknown as { _handle: Handle })._handle;
  accepted.unref();
  const pipe = newPipe();
  pipe.open(fd);
  pipe.unref();
  return pipe;
}

/** The other end: each socket comes with the text that was sent with it, and without a socket when this process has too many files open. */
export function receiveHandles(path: string, onSocket: (text: string, raw: RawSocket | undefined) => void): void {
  const pipe = newPipe();
  const { PipeConnectWrap } = binding('pipe_wrap');
  const request = new PipeConnectWrap();
  request.oncomplete = (status) => void (status === 0 ? pipe.readStart() : pipe.close());
  pipe.onread = (input) => {
    const handle = pipe.pendingHandle;
    pipe.pendingHandle = null;
    if (input === undefined) return pipe.close();
    const raw = handle
      ? new RawSocket({ handle, allowHalfOpen: true, pauseOnCreate: true } as unknown as { fd: number })
      : undefined;
    onSocket(Buffer.from(input).toString(), raw);
  };
  pipe.connect(request, path);
}
