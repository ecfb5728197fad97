// A relay on a simulated network, with clients and peers that are scripted frame by frame: what each of them got is kept.

import {
  Chunk,
  ChunkAssembler,
  ChunkDecoder,
  encodeChunk,
  type Head,
  type HeaderEntry,
  URI,
} from '../../../codec/index.ts';
import { DigestClient, chooseChallenge } from '../../../net/digest.ts';
import { MSRPRelay, type RelayOptions } from '../../../net/relay/index.ts';
import { ThreadlessShards } from './threadless-shards.ts';
import type { ConnectTarget, Socket, SocketHandler } from '../../../net/socket.ts';
import { type Link, type LinkFaults, SimulatedNetwork } from '../../simulation/simulated-network.ts';

/** The end of a connection that does what the test says. */
export class ScriptedEnd implements SocketHandler {
  readonly socket: Socket;
  readonly frames: Chunk[] = [];
  /** Of frames that may not have ended yet. */
  readonly heads: Head[] = [];
  readonly relayUri: string;
  /** Its URI in the paths. */
  uri = '';
  /** What it was given by the relay. */
  token = '';
  received = 0;
  isEnded = false;
  isClosed = false;
  digest: DigestClient | undefined;
  /** Answers each SEND with this; undefined: nothing. */
  answers: number | undefined = 200;
  reason: string | undefined;
  #count = 0;
  readonly #decoder: ChunkDecoder;

  constructor(socket: Socket, relayUri = '', segmentSize?: number) {
    this.socket = socket;
    this.relayUri = relayUri;
    const onChunk = (chunk: Chunk): void => this.#onChunk(chunk);
    const assembler = new ChunkAssembler({ onChunk, ...(segmentSize !== undefined && { segmentSize }) });
    this.#decoder = new ChunkDecoder({
      onHead: (head) => {
        this.heads.push(head);
        assembler.onHead(head);
      },
      onBody: (bytes, more) => assembler.onBody(bytes, more),
      onEnd: (flag) => assembler.onEnd(flag),
    });
    socket.attach(this);
    socket.resume();
  }

  #onChunk(chunk: Chunk): void {
    this.frames.push(chunk);
    if (chunk.method !== 'SEND' || this.answers === undefined || chunk.failureReport === 'no') return;
    if (chunk.failureReport === 'partial' && this.answers === 200) return;
    this.respond(chunk, this.answers, this.reason);
  }

  onData(input: Buffer): void {
    this.received += input.length;
    this.#decoder.write(input);
  }

  onDrain(): void {}

  onEnd(): void {
    this.isEnded = true;
    this.socket.end();
  }

  onClose(): void {
    this.isClosed = true;
  }

  write(...buffers: readonly (Buffer | string)[]): void {
    this.socket.write(buffers.map((each) => Buffer.from(each as string)));
  }

  newId(): string {
    return `${this.uri.slice(-4, -4)}test${String(++this.#count).padStart(12, '0')}`;
  }

  send(chunk: Chunk): Chunk {
    this.socket.write(encodeChunk(chunk));
    return chunk;
  }

  respond({ transactionId, fromPath, toPath, method }: Head, code: number, comment?: string): void {
    const to = method === 'SEND' ? String(fromPath[0]) : fromPath.join(' ');
    const headers: HeaderEntry[] = [
      ['To-Path', to],
      ['From-Path', String(toPath[0])],
    ];
    this.send(new Chunk({ transactionId, code, headers, ...(comment !== undefined && { comment }) }));
  }

  /** Any request, from this end. */
  request(
    method: string,
    toPath: string,
    fields: readonly HeaderEntry[] = [],
    data?: string | Buffer,
    flag?: '+' | '#',
  ): Chunk {
    const headers: HeaderEntry[] = [['To-Path', toPath], ['From-Path', this.uri], ...fields];
    if (data !== undefined) headers.push(['Content-Type', 'text/plain']);
    const transactionId = this.newId();
    return this.send(
      new Chunk({
        transactionId,
        method,
        headers,
        ...(data !== undefined && { data }),
        ...(flag && { continuation: flag }),
      }),
    );
  }

  /** A SEND of a whole message. */
  message(toPath: string, text: string, fields: readonly HeaderEntry[] = [], messageId = `m${this.newId()}`): Chunk {
    const range = `1-${Buffer.byteLength(text)}/${Buffer.byteLength(text)}`;
    return this.request('SEND', toPath, [['Message-ID', messageId], ['Byte-Range', range], ...fields], text);
  }

  get requests(): Chunk[] {
    return this.frames.filter(({ method }) => method !== undefined);
  }

  get responses(): Chunk[] {
    return this.frames.filter(({ code }) => code !== undefined);
  }

  get sends(): Chunk[] {
    return this.frames.filter(({ method }) => method === 'SEND');
  }

  get reports(): Chunk[] {
    return this.frames.filter(({ method }) => method === 'REPORT');
  }

  /** The codes of the responses to that request. */
  codesFor({ transactionId }: Chunk): number[] {
    return this.responses.filter((each) => each.transactionId === transactionId).map(({ code }) => code!);
  }

  /** What it was told about failures of a message: codes of REPORTs with their ranges. */
  toldAbout(messageId: string | undefined): string[] {
    return this.reports
      .filter((each) => each.messageId === messageId)
      .map(({ status, headers }) => `${status!.code} ${headers.get('Byte-Range')}`);
  }
}

export interface ScriptedListener {
  readonly uri: string;
  readonly accepted: ScriptedEnd[];
  /** How those who are accepted answer a SEND. */
  answers: number | undefined;
  reason?: string;
}

export interface SceneOptions extends Partial<RelayOptions> {
  readonly seed?: number;
  readonly faults?: (link: Link) => LinkFaults | undefined;
}

export const passwords: Record<string, string> = {
  alice: 'wonderland',
  carol: 'christmas',
  dave: 'drowssap',
};

/** The relays of scenes have so many shards; without threads, so that the same seed gives the same trace. */
let shards = 0;

export function shardRelays(count: number): void {
  shards = count;
}

/** Not for them: what each shard has for itself, and what the main thread does. */
export function areSharded(): boolean {
  return shards > 0;
}

type Relay = Pick<MSRPRelay, 'listen' | 'stats' | 'reload' | 'close'>;

export class Scene {
  readonly network: SimulatedNetwork;
  readonly relays: Relay[] = [];
  readonly logs: string[] = [];

  constructor(o: { seed?: number; faults?: (link: Link) => LinkFaults | undefined } = {}) {
    this.network = new SimulatedNetwork({ seed: o.seed ?? 1, keepTrace: false, ...(o.faults && { faults: o.faults }) });
    this.network.names.set('relay.example.com', '10.0.0.1');
    this.network.names.set('outer.example.net', '10.0.0.2');
    this.network.names.set('bob.example.net', '10.0.0.9');
  }

  /** A scene with one relay, `relay.example.com`. */
  static async open(o: SceneOptions = {}): Promise<Scene & { relay: Relay }> {
    const { seed, faults, ...options } = o;
    const scene = new Scene({ ...(seed !== undefined && { seed }), ...(faults && { faults }) });
    const relay = await scene.relayAt('relay.example.com', options);
    return Object.assign(scene, { relay });
  }

  async relayAt(host: string, options: Partial<RelayOptions> = {}, port = 2855): Promise<Relay> {
    const log = (message: string): void => void this.logs.push(message);
    const all = {
      credentials: (username) => {
        const password = Object.hasOwn(passwords, username) ? passwords[username] : undefined;
        return password === undefined ? undefined : { password };
      },
      tls: { cert: host, key: 'key' },
      allowPrivateNextHops: true,
      resolver: { resolveSrv: () => Promise.reject(new Error('there is no DNS')) },
      network: this.network.host(this.network.names.get(host)!),
      clock: this.network.clock,
      random: this.network.random,
      logger: { debug: log, info: log, warn: log, error: log },
      ...options,
    } satisfies RelayOptions;
    const relay = shards === 0 ? new MSRPRelay(all) : new ThreadlessShards(all, shards);
    await relay.listen(new URI({ host, port, useTLS: true }));
    this.relays.push(relay);
    return relay;
  }

  async connect(
    host: string,
    from: string,
    o: { port?: number; plain?: boolean; cert?: string; segmentSize?: number } = {},
  ): Promise<ScriptedEnd> {
    const target: ConnectTarget = { host, port: o.port ?? 2855, ...(o.plain !== true && { tls: { cert: o.cert } }) };
    const socket = await this.network.settle(this.network.host(from).connect(target));
    return new ScriptedEnd(socket, `msrps://${host};tcp`, o.segmentSize);
  }

  /** A client that has its token. */
  async client(
    username = 'alice',
    o: { host?: string; from?: string; expires?: number; segmentSize?: number } = {},
  ): Promise<ScriptedEnd> {
    const end = await this.connect(o.host ?? 'relay.example.com', o.from ?? '10.0.1.1', o);
    end.uri = `msrps://${username}.example.com:9892/${username}98cjs;tcp`;
    const usePath = await this.authenticate(end, username, passwords[username]!, o.expires);
    end.token = usePath!;
    return end;
  }

  /** Returns the Use-Path, or undefined. */
  async authenticate(
    end: ScriptedEnd,
    username: string,
    password: string,
    expires?: number,
    toPath: string = end.relayUri,
  ): Promise<string | undefined> {
    end.digest = new DigestClient(username, password, () => 'c0ffee01');
    const uri = toPath.split(' ').at(-1)!;
    const fields: HeaderEntry[] = expires === undefined ? [] : [['Expires', String(expires)]];
    const challenged = await this.answerTo(end, end.request('AUTH', toPath, fields));
    const challenge = chooseChallenge(challenged.headers.wwwAuthenticate);
    if (challenge === undefined) return undefined;
    end.digest.take(challenge);
    const answer = await this.answerTo(
      end,
      end.request('AUTH', toPath, [...fields, ['Authorization', end.digest.authorize(uri)!]]),
    );
    return answer.headers.get('Use-Path');
  }

  /** The response to a request that `end` has sent. */
  async answerTo(end: ScriptedEnd, { transactionId }: Chunk): Promise<Chunk> {
    const find = (): Chunk | undefined => end.responses.find((each) => each.transactionId === transactionId);
    await this.network.run(() => find() !== undefined || end.isClosed);
    const found = find();
    if (found === undefined) throw new Error('there was no response');
    return found;
  }

  /** A peer without a relay of its own, which waits for others to connect. */
  async listener(o: { host?: string; port?: number; segmentSize?: number } = {}): Promise<ScriptedListener> {
    const { host = 'bob.example.net', port = 8145 } = o;
    const listener: ScriptedListener = { uri: `msrps://${host}:${port}/foo;tcp`, accepted: [], answers: 200 };
    await this.network
      .host(this.network.names.get(host)!)
      .listen({ port, tls: { cert: host, key: 'key' } }, (socket) => {
        const end = new ScriptedEnd(socket, '', o.segmentSize);
        end.uri = listener.uri;
        end.answers = listener.answers;
        end.reason = listener.reason;
        listener.accepted.push(end);
      });
    return listener;
  }

  /** A peer without a relay that connects. */
  async stranger(o: { from?: string; uri?: string; segmentSize?: number } = {}): Promise<ScriptedEnd> {
    const end = await this.connect('relay.example.com', o.from ?? '10.0.3.3', o);
    end.uri = o.uri ?? 'msrps://stranger.example.org:8145/foo;tcp';
    return end;
  }

  /** Lets so many milliseconds pass, and all that happens in them. */
  async pass(ms = 1000): Promise<void> {
    await this.network.run(this.network.clock.now() + ms);
  }
}
