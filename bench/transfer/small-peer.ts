// Small messages on one connection, a window of them unanswered: MSRP messages that are answered, or WebSocket messages that come back.

import { once } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { URI } from '../../codec/index.ts';
import { AcceptorDirect, ConnectorDirect } from '../../net/index.ts';
import { MSRPSession } from '../../session/index.ts';
import { serve, type Usage, usageSince } from '../peer-process.ts';

export type Protocol = 'ws' | 'msrp' | 'msrp with reports';

export interface ExchangeCall {
  readonly protocol: Protocol;
  readonly target: string;
  readonly messages: number;
  readonly window: number;
  readonly bytes: number;
}

export interface Exchanged extends Usage {
  readonly seconds: number;
}

let counted = 0;
let start = process.cpuUsage();

async function serveEcho(): Promise<string> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  server.on('connection', (socket) => {
    socket.on('message', (data: Buffer) => {
      counted++;
      socket.send(data);
    });
  });
  await once(server, 'listening');
  return `ws://127.0.0.1:${(server.address() as { port: number }).port}`;
}

async function serveMessages(): Promise<string> {
  const acceptor = new AcceptorDirect();
  const [uri] = await acceptor.prepare(new URI({ host: '127.0.0.1' }));
  const take = async (): Promise<void> => {
    const session = new MSRPSession(await acceptor.complete());
    for await (const message of session.messages()) counted += (await message.bytes()).length > 0 ? 1 : 0;
  };
  void take();
  return String(uri);
}

/** `sendOne` sends a message and calls back when it is answered. */
function exchange(messages: number, window: number, sendOne: (answered: () => void) => void): Promise<Exchanged> {
  return new Promise((resolve) => {
    const from = process.cpuUsage();
    const started = performance.now();
    let sent = 0;
    let open = 0;
    const answered = (): void => {
      open--;
      if (sent === messages && open === 0) {
        resolve({ seconds: (performance.now() - started) / 1000, ...usageSince(from) });
      } else more();
    };
    const more = (): void => {
      for (; open < window && sent < messages; sent++, open++) sendOne(answered);
    };
    more();
  });
}

async function exchangeEcho(call: ExchangeCall): Promise<Exchanged> {
  const socket = new WebSocket(call.target, { perMessageDeflate: false });
  await once(socket, 'open');
  const data = Buffer.alloc(call.bytes, 'x');
  let answered: (() => void) | undefined;
  socket.on('message', () => answered?.());
  const result = await exchange(call.messages, call.window, (done) => {
    answered = done;
    socket.send(data);
  });
  socket.close();
  return result;
}

async function exchangeMessages(call: ExchangeCall): Promise<Exchanged> {
  const connector = new ConnectorDirect();
  await connector.prepare();
  const session = new MSRPSession(await connector.complete([URI.parse(call.target)]));
  const data = Buffer.alloc(call.bytes, 'x');
  const successReport = call.protocol === 'msrp' ? 'no' : 'yes';
  const result = await exchange(call.messages, call.window, (done) => {
    void session.send(data, { successReport }).delivered.then(done);
  });
  await session.shutdown();
  return result;
}

serve({
  serve: (protocol: Protocol) => (protocol === 'ws' ? serveEcho() : serveMessages()),
  exchange: (call: ExchangeCall) => (call.protocol === 'ws' ? exchangeEcho(call) : exchangeMessages(call)),
  begin: () => {
    counted = 0;
    start = process.cpuUsage();
  },
  end: () => ({ counted, ...usageSince(start) }),
});
