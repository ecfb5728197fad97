// What a relay does, for Prometheus, and whether it is well, for whoever balances load: GET /metrics, GET /healthz.

import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { latencyBounds, type MSRPRelay, type RelayNumbers } from '../index.ts';
import { ExitCode } from './exit-code.ts';
import { CommandFailure, reasonOf } from './failure.ts';

type Description = readonly [stat: keyof RelayNumbers | 'connections', name: string, help: string];

const gauges: readonly Description[] = [
  ['connections', 'msrp_relay_connections', 'Connections that were accepted and are open.'],
  ['nextHops', 'msrp_relay_next_hops', 'Connections to next hops that are open or being opened.'],
  ['sessions', 'msrp_relay_sessions', 'Tokens that are valid.'],
  ['bufferedBytes', 'msrp_relay_buffered_bytes', 'Octets of bodies that wait for their next hop.'],
];

const counters: readonly Description[] = [
  ['accepted', 'msrp_relay_accepted_connections_total', 'Connections accepted.'],
  ['limited', 'msrp_relay_limited_connections_total', 'Connections closed at once: too many from one address.'],
  ['chunks', 'msrp_relay_chunks_total', 'SENDs passed on.'],
  ['bytes', 'msrp_relay_body_bytes_total', 'Octets of their bodies.'],
  ['otherRequests', 'msrp_relay_other_requests_total', 'Requests of other methods passed on.'],
  ['rejected', 'msrp_relay_rejected_requests_total', 'Requests not passed on: no such token, or not allowed.'],
  ['refusals', 'msrp_relay_refused_requests_total', 'SENDs that the next hop refused.'],
  ['timeouts', 'msrp_relay_timeouts_total', 'Requests that the next hop did not answer in time.'],
  ['reports', 'msrp_relay_reports_total', 'REPORTs made by the relay: something was not delivered.'],
  ['connectFailures', 'msrp_relay_connect_failures_total', 'Next hops that could not be reached or are not allowed.'],
  ['stops', 'msrp_relay_stops_total', 'How often a connection was not read since its next hop was slow.'],
  ['stalls', 'msrp_relay_stalls_total', 'How often a session was failed since its next hop did not read.'],
  ['authChallenges', 'msrp_relay_auth_challenges_total', 'AUTH requests that were asked for a proof.'],
  ['authSuccesses', 'msrp_relay_auth_successes_total', 'AUTH requests that gave a token, or prolonged one.'],
  ['authFailures', 'msrp_relay_auth_failures_total', 'AUTH requests with a wrong proof.'],
];

type Relay = Pick<MSRPRelay, 'stats'>;

export function registryOf(relay: Relay): Registry {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const registers = [register];
  for (const [stat, name, help] of gauges) {
    const gauge: Gauge = new Gauge({ name, help, registers, collect: () => gauge.set(relay.stats()[stat]) });
  }
  for (const [stat, name, help] of counters) addCounter(name, help, registers, () => relay.stats()[stat]);
  registerResponses(relay, registers);
  registerLatency(relay, registers);
  return register;
}

/** One that is counted elsewhere. */
function addCounter(name: string, help: string, registers: Registry[], read: () => number): void {
  const collect = (): void => {
    counter.reset();
    counter.inc(read());
  };
  const counter: Counter = new Counter({ name, help, registers, collect });
}

/** A code that is counted for no code of its own. */
const otherCode = '0';

function registerResponses(relay: Relay, registers: Registry[]): void {
  const counter: Counter<'code'> = new Counter({
    name: 'msrp_relay_responses_total',
    help: 'Responses of next hops, by code.',
    labelNames: ['code'],
    registers,
    collect: () => {
      counter.reset();
      for (const [code, count] of Object.entries(relay.stats().responses)) {
        counter.inc({ code: code === otherCode ? 'other' : code }, count);
      }
    },
  });
}

/** The parts of a histogram, since those of the package take one value at a time and keep their own. */
function registerLatency(relay: Relay, registers: Registry[]): void {
  const name = 'msrp_relay_response_seconds';
  const bucket: Counter<'le'> = new Counter({
    name: `${name}_bucket`,
    help: 'Responses of next hops that came within so many seconds.',
    labelNames: ['le'],
    registers,
    collect: () => {
      bucket.reset();
      let count = 0;
      for (const [at, more] of relay.stats().latencies.entries()) {
        count += more;
        const bound = latencyBounds[at];
        bucket.inc({ le: bound === undefined ? '+Inf' : String(bound / 1000) }, count);
      }
    },
  });
  const took = 'How long next hops took to answer, in all.';
  addCounter(`${name}_sum`, took, registers, () => relay.stats().latencyMs / 1000);
  const count = (): number => relay.stats().latencies.reduce((sum, each) => sum + each, 0);
  addCounter(`${name}_count`, 'Responses of next hops.', registers, count);
}

export class MetricsServer {
  readonly #server: Server;
  readonly #registry: Registry;
  /** The relay takes no new sessions: load is to go elsewhere. */
  isDraining = false;

  private constructor(registry: Registry) {
    this.#registry = registry;
    this.#server = createServer((request, response) => void this.#answer(request.url ?? '', response));
  }

  /** `place`: an address and a port. Throws a {@link CommandFailure}. */
  static async open(place: string, relay: Relay): Promise<MetricsServer> {
    const [, host = '', port = ''] = /^(\[[^\]]+\]|[^:]+):(\d{1,5})$/.exec(place) ?? [];
    if (host === '') throw new CommandFailure(`--metrics wants address:port, not ${place}`, ExitCode.usage);
    const opened = new MetricsServer(registryOf(relay));
    try {
      await once(opened.#server.listen(Number(port), host.replaceAll(/[[\]]/g, '')), 'listening');
    } catch (error) {
      throw new CommandFailure(`cannot serve metrics at ${place}: ${reasonOf(error)}`, ExitCode.io, { cause: error });
    }
    return opened;
  }

  get url(): string {
    const { address, family, port } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}/metrics`;
  }

  async #answer(url: string, response: ServerResponse): Promise<void> {
    if (url === '/healthz') {
      response.writeHead(this.isDraining ? 503 : 200, { 'content-type': 'text/plain' });
      response.end(this.isDraining ? 'draining\n' : 'ok\n');
    } else if (url === '/metrics') {
      const text = await this.#registry.metrics();
      response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text);
    } else {
      response.writeHead(404).end();
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
