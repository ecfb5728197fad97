// From what peers and middleboxes write into SDP to a session that is bound, or not.

import { describe, expect, test } from 'vitest';
import { createAnswer, createOffer, type Logger, type MSRPSession, type NegotiationOptions } from '../../index.ts';
import { makeCertificate } from '../net/certificates.ts';
import { emptySend } from '../net/raw-peer.ts';
import { peerUri } from '../session/scripted-peer.ts';
import { bindWith, request } from './play.ts';
import { description, here, peerHost, peerPath, type SDPPeer, withSDPPeer } from './sdp-peer.ts';

type Setup = 'active' | 'passive' | 'actpass' | 'holdconn' | 'none';

function setupLines(setup: Setup): string[] {
  return setup === 'none' ? [] : [`a=setup:${setup}`];
}

interface Started {
  readonly session: Promise<MSRPSession>;
  /** What our side said. */
  readonly sdp: string;
}

/** Offers, gets this answer, and begins to connect or to wait. */
async function offerTo(
  peer: SDPPeer,
  answer: string,
  o: NegotiationOptions & { setup?: 'active' | 'actpass' } = {},
): Promise<Started> {
  const offer = await createOffer({ ...o, localUri: here, connect: { ...peer.connect, ...o.connect } });
  const session = offer.applyAnswer(answer);
  return start(peer, { session, sdp: offer.sdp }, () => offer.cleanup());
}

/** The same with an offer of the peer. */
async function answerTo(peer: SDPPeer, offer: string, o: NegotiationOptions = {}): Promise<Started> {
  const answer = await createAnswer(offer, { ...o, localUri: here, connect: { ...peer.connect, ...o.connect } });
  return start(peer, { session: answer.connect(), sdp: answer.sdp }, () => answer.cleanup());
}

async function start(peer: SDPPeer, started: Started, cleanup: () => Promise<void>): Promise<Started> {
  peer.afterwards(async () => {
    await cleanup();
    const bound = await started.session.catch(() => {});
    bound?.transport.destroy();
  });
  started.session.catch(() => {});
  await peer.pass(0);
  return started;
}

describe('setup attributes that leave out or contradict who connects', () => {
  test.each<['active' | 'actpass', Setup, 'we' | 'the peer' | 'both']>([
    ['actpass', 'none', 'we'],
    ['actpass', 'holdconn', 'we'],
    ['actpass', 'passive', 'we'],
    ['actpass', 'active', 'the peer'],
    ['actpass', 'actpass', 'both'],
    ['active', 'none', 'we'],
    ['active', 'holdconn', 'we'],
    ['active', 'passive', 'we'],
    ['active', 'active', 'we'],
    ['active', 'actpass', 'we'],
  ])('an offer with %s is answered with %s: %s may connect', async (ours, theirs, who) => {
    for (const first of ['we', 'the peer']) {
      if (who !== 'both' && who !== first) continue;
      await withSDPPeer(async (peer) => {
        if (first === 'we') await peer.listen();
        const answer = description({ lines: setupLines(theirs) });
        const { session, sdp } = await offerTo(peer, answer, { setup: ours });
        if (first === 'we') await peer.answerAll();
        else await peer.bind(sdp);
        const { transport } = await peer.simulation.settle(session);
        expect(transport.peer.address).toBe(peerHost);
        expect(peer.targets).toEqual(who === 'the peer' ? [] : [`tcp ${peerHost}:7000`]);
      });
    }
  });

  test.each<[Setup, 'active' | 'passive']>([
    ['none', 'passive'],
    ['holdconn', 'passive'],
    ['active', 'passive'],
    ['actpass', 'passive'],
    ['passive', 'active'],
  ])('an offer with %s is answered with %s', async (theirs, ours) => {
    await withSDPPeer(async (peer) => {
      await peer.listen();
      const { session, sdp } = await answerTo(peer, description({ lines: setupLines(theirs) }));
      expect(sdp).toContain(`a=setup:${ours}\r\n`);
      if (ours === 'active') await peer.answerAll();
      else await peer.bind(sdp);
      await peer.simulation.settle(session);
    });
  });

  test('an empty SEND of a peer that is active too is answered while ours waits for its answer', async () => {
    await withSDPPeer(async (peer) => {
      await peer.listen();
      const { session, sdp } = await offerTo(peer, description({ lines: ['a=setup:active'] }), { setup: 'active' });
      await peer.simulation.run(() => peer.accepted[0]?.data.includes('$\r\n') === true);
      const [, path = ''] = /a=path:(\S+)/.exec(sdp) ?? [];
      const [endpoint] = peer.accepted;
      endpoint!.socket.write([Buffer.from(emptySend('their', path, '', peerPath))]);
      await peer.pass();
      expect(endpoint!.data.toString()).toContain('MSRP their 200 OK\r\n');
      const [, id = ''] = /MSRP (\S+) SEND/.exec(endpoint!.data.toString()) ?? [];
      const paths = `To-Path: ${path}\r\nFrom-Path: ${peerPath}\r\n`;
      endpoint!.socket.write([Buffer.from(`MSRP ${id} 200 OK\r\n${paths}-------${id}$\r\n`)]);
      await peer.simulation.settle(session);
    });
  });
});

describe('a first SEND that has a payload', () => {
  const lines = ['Message-ID: mmmm', 'Byte-Range: 1-2/4', 'Content-Type: text/plain'];
  const first = request('SEND', 'tran0', lines, 'hi', '+');
  const second = request('SEND', 'tran1', [lines[0]!, 'Byte-Range: 3-4/4', lines[2]!], 'ho');

  test.each<[string, string, string[], string[]]>([
    ['a whole message', request('SEND', 'tran0', ['Message-ID: mmmm', lines[2]!], 'hi'), ['200 tran0'], ['hi']],
    ['the first chunk of one', first + second, ['200 tran0', '200 tran1'], ['hiho']],
  ])('binds and is delivered: %s', async (_, octets, frames, bodies) => {
    for (const path of [undefined, peerUri]) {
      expect(await bindWith(octets, {}, path)).toEqual({ frames, bodies, isOpen: true, isBound: true });
    }
  });
});

describe('a peer that reads the binding request in a single read, and soon', () => {
  test('gets it whole in its first read, as soon as the connection is there', async () => {
    await withSDPPeer(async (peer) => {
      await peer.listen();
      const { session } = await answerTo(peer, description({ lines: ['a=setup:passive'] }));
      await peer.simulation.run(() => peer.accepted.length > 0);
      const connectedAt = peer.simulation.clock.now();
      await peer.simulation.run(() => peer.accepted[0]!.reads.length > 0);
      const [read] = peer.accepted[0]!.reads;
      expect(read!.toString()).toMatch(/^MSRP (\w+) SEND\r\nTo-Path: .*\r\nFrom-Path: .*\r\n[^]*-------\1\$\r\n$/);
      expect(peer.simulation.clock.now() - connectedAt).toBeLessThanOrEqual(2);
      await peer.answerAll();
      await peer.simulation.settle(session);
    });
  });
});

describe('a passive peer that waits for data before it shows the session', () => {
  test('gets a binding request though there is nothing to say', async () => {
    await withSDPPeer(async (peer) => {
      await peer.listen();
      const { session } = await answerTo(peer, description({ lines: ['a=setup:passive'] }));
      expect(await peer.answerAll()).toEqual([peerPath]);
      await peer.simulation.settle(session);
      await peer.pass(60_000);
      expect(peer.accepted[0]!.data.toString().match(/ SEND\r\n/g)).toHaveLength(1);
    });
  });
});

describe('an m-line and c-line that point elsewhere than the path', () => {
  const elsewhere = { address: '198.51.100.1', port: 9000, lines: ['a=setup:passive'] };

  test.each<[NegotiationOptions['connectTo'], string]>([
    [undefined, `${peerHost}:7000`],
    ['path', `${peerHost}:7000`],
    ['media-line', '198.51.100.1:9000'],
  ])('with connectTo %s we connect to %s', async (connectTo, target) => {
    for (const side of ['offer', 'answer']) {
      await withSDPPeer(async (peer) => {
        await peer.listen(
          ...(target.split(':').map((part, at) => (at === 0 ? part : Number(part))) as [string, number]),
        );
        const o = connectTo === undefined ? {} : { connectTo };
        const reach = side === 'offer' ? offerTo : answerTo;
        const { session } = await reach(peer, description(elsewhere), o);
        // The path stays what it is.
        expect(await peer.answerAll()).toEqual([peerPath]);
        await peer.simulation.settle(session);
        expect(peer.targets).toEqual([`tcp ${target}`]);
      });
    }
  });
});

describe('a bogus port of a peer that connects', () => {
  test.each([9, 12_345, 2855])('%d is not connected to', async (port) => {
    const path = `msrp://${peerHost}:${port}/peer;tcp`;
    for (const side of ['offer', 'answer']) {
      await withSDPPeer(async (peer) => {
        const reach = side === 'offer' ? offerTo : answerTo;
        const { session, sdp } = await reach(peer, description({ port, path, lines: ['a=setup:active'] }));
        await peer.pass(5000);
        await peer.bind(sdp, path);
        await peer.simulation.settle(session);
        expect(peer.targets).toEqual([]);
      });
    }
  });
});

describe('a protocol that contradicts the scheme of the path', () => {
  const secure = peerPath.replace('msrp:', 'msrps:');

  test.each([
    ['TCP/MSRP', secure, true],
    ['TCP/TLS/MSRP', peerPath, false],
  ])('%s with %s is refused, and tolerantly goes by the path', async (protocol, path, useTLS) => {
    const tls = await makeCertificate({});
    await withSDPPeer(async (peer) => {
      const offer = description({ protocol, path });
      await expect(answerTo(peer, offer, { connect: { tls } })).rejects.toMatchObject({
        code: 'MSRP_ERR_SDP',
        reason: 'unusable',
      });
      const warnings: string[] = [];
      const logger = { ...console, warn: (text: string) => void warnings.push(text) } as Logger;
      const { sdp } = await answerTo(peer, offer, { connect: { tls, tolerant: true, logger } });
      expect(sdp).toContain(`a=path:${useTLS ? 'msrps' : 'msrp'}://127.0.0.1:`);
      expect(warnings).toEqual([expect.stringContaining(protocol)]);
    });
  });
});

describe('several URIs in a path', () => {
  const relay = 'msrp://198.51.100.1:2855/relay;tcp';

  test('we connect to the first, and send to all', async () => {
    for (const side of ['offer', 'answer']) {
      await withSDPPeer(async (peer) => {
        await peer.listen('198.51.100.1', 2855);
        const reach = side === 'offer' ? offerTo : answerTo;
        const { session } = await reach(
          peer,
          description({ path: `${relay} ${peerPath}`, lines: ['a=setup:passive'] }),
        );
        expect(await peer.answerAll()).toEqual([`${relay} ${peerPath}`]);
        const { transport } = await peer.simulation.settle(session);
        expect(transport.fullRemotePath.map(String)).toEqual([relay, peerPath]);
      });
    }
  });
});

describe('attributes of RFC 4145 that MSRP does not use', () => {
  const lines = ['a=connection:new', 'a=setup:holdconn', 'a=connection:existing', 'a=unknown', 'a=Setup:active'];

  test('are passed over, and not written', async () => {
    await withSDPPeer(async (peer) => {
      await peer.listen();
      const answered = await answerTo(peer, description({ lines }));
      expect(answered.sdp).not.toMatch(/connection|holdconn/);
      await peer.bind(answered.sdp);
      await peer.simulation.settle(answered.session);
      const offered = await offerTo(peer, description({ lines }));
      expect(offered.sdp).not.toMatch(/connection|holdconn/);
      await peer.answerAll();
      await peer.simulation.settle(offered.session);
    });
  });
});

describe('a file selector with sha1, and with names of all kinds', () => {
  const digits = '72:24:5f:e8:65:3d:da:f3:71:36:2f:86:d4:71:91:3e:e4:a2:ce:2e';

  test.each([
    ['hash:sha1', 'name:"a b.jpg"', 'a b.jpg'],
    ['hash:sha-1', 'name:"my %22cool%22 picture.jpg"', 'my "cool" picture.jpg'],
    ['hash:SHA-1', 'name:"size:5 type:x.jpg"', 'size:5 type:x.jpg'],
    ['hash:sha1', 'name:"100%25 f%C3%BCr dich.jpg"', '100% für dich.jpg'],
    ['hash:sha1', 'name:"für dich.jpg"', 'für dich.jpg'],
  ])('%s, %s is understood and repeated as it should be', async (hash, selector, name) => {
    await withSDPPeer(async (peer) => {
      const lines = [
        `a=file-selector:${selector} type:image/jpeg size:32349 ${hash}:${digits}`,
        'a=file-transfer-id:vBnG916bdberum2fFEABR1FR3ExZMUrd',
        'a=sendonly',
      ];
      const answer = await createAnswer(description({ lines }), { localUri: here, connect: peer.connect });
      peer.afterwards(() => answer.cleanup());
      expect(answer.remote.file?.selector).toMatchObject({
        name,
        type: 'image/jpeg',
        size: 32_349,
        hashes: [{ hash: 'sha-1' }],
      });
      expect(answer.sdp).toContain(`hash:sha-1:${digits.toUpperCase()}`);
      expect(answer.media.file?.selector.name).toBe(name);
    });
  });
});
