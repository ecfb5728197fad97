// A relay on a simulated network that answers each AUTH as a script says, and then as a good one does. Between the clients that it gave
// a path it forwards, as RFC 4976 section 6.4 has it, but for what relays do about failures.

import {
  Chunk,
  ChunkAssembler,
  ChunkDecoder,
  encodeChunk,
  formatPath,
  type HeaderEntry,
  type Listener,
  type Network,
  type ServerTLS,
  type Socket,
  URI,
} from '../../index.ts';
import {
  type DigestAlgorithm,
  formatChallenge,
  formatProof,
  hashA1,
  isAuthentic,
  readCredentials,
} from '../../net/digest.ts';
import { Endpoint } from './endpoint.ts';

/** How to answer an AUTH: a frame, nothing at all, or whatever the step does to the connection. */
export type Step = (request: Chunk, connection: RelayConnection) => Chunk | undefined;

export interface ScriptedRelayOptions {
  /** Default `relay.test`. */
  host?: string;
  /** Default 2855. */
  port?: number;
  /** Default true. */
  useTLS?: boolean;
  /** For a real network. */
  tls?: ServerTLS;
  /** Default `MD5`. */
  algorithm?: DigestAlgorithm;
  /** Default: a new path for each AUTH. */
  keepsPath?: boolean;
  /** What it grants, in seconds. Default 600. */
  expires?: number;
}

export class ScriptedRelay {
  readonly o: Required<ScriptedRelayOptions>;
  /** The steps to come. */
  readonly script: Step[] = [];
  /** Every request that came. */
  readonly requests: Chunk[] = [];
  readonly connections: RelayConnection[] = [];
  /** What it answers a SEND that wants to be answered; undefined: nothing. */
  binding: number | undefined = 200;
  readonly tokens: Map<string, RelayConnection> = new Map<string, RelayConnection>();
  #listener: Listener | undefined;
  #issued = 0;

  private constructor(o: ScriptedRelayOptions) {
    const defaults = { host: 'relay.test', port: 2855, useTLS: true, algorithm: 'MD5' as const, tls: {} };
    this.o = { ...defaults, keepsPath: false, expires: 600, ...o };
  }

  static async listen(network: Network, o: ScriptedRelayOptions = {}, address?: string): Promise<ScriptedRelay> {
    const relay = new ScriptedRelay(o);
    const { port, useTLS, tls } = relay.o;
    relay.#listener = await network.listen({ host: address, port, ...(useTLS && { tls }) }, (socket) => {
      relay.connections.push(new RelayConnection(relay, socket));
    });
    return relay;
  }

  async close(): Promise<void> {
    await this.#listener?.close();
    for (const { endpoint } of this.connections) endpoint.socket.destroy();
  }

  /** Where it listens. */
  get port(): number {
    return this.#listener!.port;
  }

  get auths(): Chunk[] {
    return this.requests.filter(({ method }) => method === 'AUTH');
  }

  /** A path for whoever AUTHs there. */
  issue(connection: RelayConnection): string {
    const { host, useTLS, keepsPath } = this.o;
    const id = keepsPath ? `kept${this.connections.indexOf(connection)}` : `token${++this.#issued}`;
    const uri = new URI({ host, port: this.port, useTLS, sessionId: id });
    this.tokens.set(uri.key, connection);
    return String(uri);
  }
}

/** One client. */
export class RelayConnection {
  readonly relay: ScriptedRelay;
  readonly endpoint: Endpoint;
  /** Its own URIs. */
  readonly clients: Set<string> = new Set<string>();

  constructor(relay: ScriptedRelay, socket: Socket) {
    this.relay = relay;
    const decoder = new ChunkDecoder(new ChunkAssembler({ onChunk: (chunk) => this.#onChunk(chunk) }));
    this.endpoint = new Endpoint(socket);
    const onData = this.endpoint.onData.bind(this.endpoint);
    this.endpoint.onData = (input) => {
      onData(input);
      decoder.write(input);
    };
  }

  send(chunk: Chunk): void {
    this.endpoint.socket.write(encodeChunk(chunk));
  }

  #onChunk(chunk: Chunk): void {
    if (chunk.method !== undefined) this.relay.requests.push(chunk);
    if (chunk.method === 'AUTH') {
      const answer = (this.relay.script.shift() ?? authentic)(chunk, this);
      if (answer !== undefined) this.send(answer);
    } else if (chunk.method !== undefined) this.#forward(chunk);
    else if (chunk.toPath.length > 1) this.#forward(chunk);
  }

  /** Over each of our own tokens in To-Path, to the client behind the last. */
  #forward(chunk: Chunk): void {
    const { binding } = this.relay;
    const isAnswered = chunk.method === 'SEND' && chunk.failureReport === 'yes' && binding !== undefined;
    if (isAnswered) this.send(answerTo(chunk, binding, [], 1));
    if (binding !== 200) return;
    const to = [...chunk.toPath];
    const from = [...chunk.fromPath];
    let owner: RelayConnection | undefined;
    while (to.length > 1 && this.relay.tokens.has(to[0]!.key)) {
      owner = this.relay.tokens.get(to[0]!.key);
      from.unshift(to.shift()!);
    }
    const next = owner?.clients.has(to[0]!.key) === true ? owner : this.#ownerOf(to[0]!);
    next?.send(withPaths(chunk, to, from));
  }

  #ownerOf(uri: URI): RelayConnection | undefined {
    return this.relay.connections.find(({ clients }) => clients.has(uri.key));
  }
}

function withPaths(chunk: Chunk, to: readonly URI[], from: readonly URI[]): Chunk {
  const { transactionId, method, code, comment, parts, hasBody, continuation } = chunk;
  return new Chunk({
    transactionId,
    ...(method === undefined ? { code: code!, comment: comment ?? '' } : { method }),
    headers: chunk.headers.with('To-Path', formatPath(to)).with('From-Path', formatPath(from)),
    ...(hasBody && { parts }),
    continuation,
  });
}

/** A response; `hops`: how far back. */
export function answerTo(request: Chunk, code: number, headers: HeaderEntry[] = [], hops?: number): Chunk {
  const paths: HeaderEntry[] = [
    ['To-Path', formatPath(request.fromPath.slice(0, hops))],
    ['From-Path', String(request.toPath[0])],
  ];
  return new Chunk({ transactionId: request.transactionId, code, comment: 'So', headers: [...paths, ...headers] });
}

/** What a good relay does: a challenge, and a path for who answers it rightly as alice with the password `wonderland`. */
export const authentic: Step = (request, connection) => {
  const credentials = request.headers.authorization && readCredentials(request.headers.authorization);
  if (credentials === undefined) return challenge()(request, connection);
  const ha1 = hashA1(credentials.algorithm, 'alice', 'relays', 'wonderland');
  const isGood = credentials.username === 'alice' && isAuthentic(credentials, ha1, String(request.toPath.at(-1)));
  return isGood ? granted()(request, connection) : challenge()(request, connection);
};

export function challenge(o: { nonce?: string; stale?: boolean; algorithm?: DigestAlgorithm } = {}): Step {
  return (request, { relay }) => {
    const text = formatChallenge({ realm: 'relays', nonce: 'n', algorithm: relay.o.algorithm, ...o });
    return answerTo(request, 401, [['WWW-Authenticate', text]]);
  };
}

export function refuses(code: number, headers: HeaderEntry[] = []): Step {
  return (request) => answerTo(request, code, headers);
}

/** `fields` over what a good relay says; undefined leaves one out. */
export function granted(fields: Record<string, string | undefined> = {}): Step {
  return (request, connection) => {
    const { relay } = connection;
    connection.clients.add(request.fromPath.at(-1)!.key);
    const credentials = request.headers.authorization && readCredentials(request.headers.authorization);
    const ha1 = hashA1(credentials?.algorithm ?? 'MD5', 'alice', 'relays', 'wonderland');
    const all: Record<string, string | undefined> = {
      'Use-Path': relay.issue(connection),
      Expires: String(relay.o.expires),
      'Authentication-Info': credentials && formatProof(credentials, ha1, String(request.toPath.at(-1))),
      ...fields,
    };
    const headers = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return answerTo(request, 200, headers);
  };
}

/** Says nothing. */
export const silent: Step = () => undefined;

/** Closes the connection instead. */
export const dies: Step = (_request, { endpoint }) => {
  endpoint.socket.destroy();
  return undefined;
};
