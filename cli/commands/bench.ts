// msrp bench: load on a peer or a relay, and what becomes of it; and a peer that counts.

import type { Command } from 'commander';
import { once } from 'node:events';
import { bench, type BenchOptions, countOf, exitCodeOf, orderOf, Sink, tableOf, writeReport } from '../bench/index.ts';
import { addCommand, type CommandContext, run } from '../command.ts';
import { failedEvent } from '../events.ts';
import { ExitCode } from '../exit-code.ts';
import { CommandFailure, reasonOf } from '../failure.ts';
import { addRelayOptions } from '../relay-option.ts';
import { listenURI } from '../relay-config.ts';

/** After Ctrl-C: what is under way may end, sessions are closed, the peer is asked for its count. */
const farewellMs = 6000;

export function addBench(program: Command): void {
  const command = addCommand(program, {
    name: 'bench',
    summary: 'Measure a peer or a relay under load.',
    examples: [
      'msrp bench --self',
      'msrp bench --self --sessions 100 --connections 10 --rate 5000 --duration 30 --report report.html',
      'msrp bench --target "msrp://192.0.2.7:2855/iau39soe2843z;tcp" --size 100:90,65536:10 --window 10 --reports',
      "msrp bench --targets paths --sessions 50 --rate 1000 --fail-if 'p99>50ms' --fail-if 'errors>0' --json",
      'msrp bench --sink --listen msrp://192.0.2.7:2855 --sessions 50 | tee paths',
      'msrp bench --targets paths --relay msrps://alice@relay.example.com --password-file secret',
    ],
    notes: [
      'With --rate the loop is open: messages are due at that rate, whatever becomes of those before, and the latency of\neach counts from when it was due, so that a peer that stalls cannot hide it. With --window the loop is closed: so\nmany messages are under way in each session, and the latency counts from when one was sent.',
      'A message is delivered when all of it was answered with 200, by the relay where there is one, or, with --reports,\nreported by the peer. The peer has to take the sessions; it may send back what it gets. --sink is such a peer: it\nshows a path for each session, and counts. --self starts one, and checks that it has counted what was delivered.',
      '--fail-if takes p50, p90, p99, p99.9 or max with > and a time in us, ms or s, errors>N, and rate<N in messages a\nsecond. Without errors>N any error makes the exit code 1.',
    ],
    events: ['progress', 'result', 'listening', 'counted', 'failed'],
  });
  addLoadOptions(addPeerOptions(command))
    .option('--fail-if <condition...>', 'what makes the exit code 4, such as p99>50ms')
    .option('--report <file>', 'write a page (HTML) with charts, the settings and the result')
    .option('-j, --json', 'one line of JSON for each event, the result among them')
    .action((options: BenchOptions) =>
      run('bench', (context) => (options.sink === true ? sink(options, context) : load(options, context)), {
        json: options.json ?? false,
        farewellMs,
      }),
    );
}

function addPeerOptions(command: Command): Command {
  command
    .option('-t, --target <path...>', 'the paths of the peer: one for each session, or used again for more')
    .option('--targets <file>', 'a file with such paths, one on a line')
    .option('--self', 'start a process that is the peer, on the loopback interface')
    .option('--tls', 'with --self: TLS, with a certificate that is made for it')
    .option('--sink', 'be a peer: show --sessions paths, take what comes, and count it until Ctrl-C')
    .option('-l, --listen <uri>', 'with --sink: where; msrps:// has a certificate made for it', 'msrp://127.0.0.1:0');
  return addRelayOptions(command)
    .option('-f, --fingerprint <fingerprint>', 'of the certificate that the peer or relay has, instead of a CA')
    .option('--ca <file>', 'the certificates of the authorities to trust');
}

function addLoadOptions(command: Command): Command {
  return command
    .option('-n, --sessions <n>', 'sessions, which all send', '1')
    .option('--connections <n>', 'connections that the sessions share, to each address; default: one for each')
    .option('-s, --size <octets>', 'of a message: 100, from 100-2000, or by weight 100:90,65536:10', '100')
    .option('-c, --chunk-size <octets>', 'octets of a message in a chunk', '8192')
    .option('--reports', 'ask for success reports, and wait for them')
    .option('-r, --rate <messages>', 'open loop: messages a second, of all sessions')
    .option(
      '--precise',
      'with --rate: poll, so that messages leave on time, not up to 1 ms later; takes a core for each thread',
    )
    .option('-w, --window <n>', 'closed loop: messages under way in each session (default: 1)')
    .option('-d, --duration <seconds>', 'how long to measure', '10')
    .option('--warm-up <seconds>', 'how long to send before that', '1')
    .option('--ramp <seconds>', 'how long the rate rises, or the sessions start one after the other, before that', '0')
    .option('--threads <n>', 'threads that the sessions are spread over', '1');
}

async function load(options: BenchOptions, context: CommandContext): Promise<ExitCode> {
  const order = await orderOf(options);
  const result = await bench(order, context, options.json === true);
  if (result === undefined) return ExitCode.fault;
  await context.tell(result, tableOf(result));
  if (options.report !== undefined) await writeReport(options.report, result);
  if (result.peer?.agrees === false) {
    const text = 'what the peer has counted is not what was delivered';
    await context.tell(failedEvent(text, undefined, undefined), text);
  }
  return exitCodeOf(result, order);
}

async function sink({ listen, sessions, json }: BenchOptions, context: CommandContext): Promise<ExitCode> {
  const { signal, tell, say } = context;
  const uri = listenURI('--listen', listen);
  const count = countOf('sessions', sessions, 1_000_000);
  const peer = await Sink.make(uri);
  try {
    const { fingerprint } = peer;
    for (const path of await listenAt(peer, uri, count)) {
      await tell({ event: 'listening', path, ...(fingerprint !== undefined && { fingerprint }) }, path);
    }
    // What is no path goes to stderr: stdout may be a file for --targets.
    if (fingerprint !== undefined && json !== true) say(`the certificate is known by --fingerprint "${fingerprint}"`);
    if (!signal.aborted) await once(signal, 'abort');
    const { messages, bytes } = peer.counted;
    if (json === true) await tell({ event: 'counted', messages, bytes }, '');
    else say(`${messages} messages and ${bytes} bytes came`);
    return ExitCode.ok;
  } finally {
    await peer.close();
  }
}

async function listenAt(peer: Sink, uri: Parameters<Sink['listen']>[0], sessions: number): Promise<string[]> {
  try {
    return await peer.listen(uri, sessions);
  } catch (error) {
    throw new CommandFailure(reasonOf(error), ExitCode.io, { cause: error });
  }
}
