// CEMA: where the c- and m-line point to, and what each side makes of it (RFC 6714 sections 4.2 to 4.4).

import { describe, expect, test } from 'vitest';
import { type MSRPMedia, SessionDescription } from '../../session/index.ts';
import { answererRule, matchesPath, networkVia, offererRule, placeOf } from '../../session/sdp/cema.ts';
import type { ConnectTarget, Network } from '../../net/index.ts';

function mediaOf(port: number, address: string, path: string, cema = true): MSRPMedia {
  const sdp = `v=0\nm=message ${port} TCP/MSRP *\nc=IN IP4 ${address}\na=path:${path}\n${cema ? 'a=msrp-cema\n' : ''}`;
  const [media] = SessionDescription.parse(sdp).media;
  if (media === undefined) throw new Error('no media');
  return media;
}

const one = 'msrp://192.0.2.1:7/a;tcp';
const named = 'msrp://a.example:7/a;tcp';
const relayed = `msrp://relay.example:2855/x;tcp ${named}`;

describe('the c- and m-line', () => {
  test.each([
    [7, '192.0.2.1', { host: '192.0.2.1', port: 7 }],
    [7, '2001:DB8:0::1', { host: '2001:db8::1', port: 7 }],
    [7, 'A.example', { host: 'a.example', port: 7 }],
    [7, '0.0.0.0', undefined],
    [7, '::', undefined],
    [9, '192.0.2.1', undefined],
    [0, '192.0.2.1', undefined],
  ])('%i %s points to %j', (port, address, place) => {
    expect(placeOf(mediaOf(port, address, one))).toEqual(place);
  });

  const lookup = (name: string): Promise<string[]> => {
    const addresses: Record<string, string[]> = {
      'a.example': ['192.0.2.9', '2001:DB8::1'],
      'b.example': ['2001:db8:0::1'],
      '192.0.2.9': ['192.0.2.9'],
    };
    const found = addresses[name];
    return found === undefined ? Promise.reject(new Error('no such name')) : Promise.resolve(found);
  };

  test.each<[boolean, number, string, string]>([
    [true, 7, '192.0.2.1', one],
    [false, 8, '192.0.2.1', one],
    [false, 7, '192.0.2.2', one],
    [true, 7, 'unknown.example', 'msrp://UNKNOWN.example:7/a;tcp'],
    [true, 7, '192.0.2.9', named],
    [true, 7, 'b.example', named],
    [false, 7, 'unknown.example', named],
    [true, 7, '192.0.2.9', relayed],
    [true, 2855, 'relay.example', relayed],
    [false, 2855, '192.0.2.9', relayed],
    [true, 9, '192.0.2.2', one],
    [true, 5, '0.0.0.0', one],
  ])('match: %s, for %i %s and the path %s', async (matches, port, address, path) => {
    expect(await matchesPath(mediaOf(port, address, path), lookup)).toBe(matches);
  });

  test('names are asked of the system by default', async () => {
    expect(await matchesPath(mediaOf(7, '127.0.0.1', 'msrp://localhost:7/a;tcp'))).toBe(true);
  });
});

describe('the rule', () => {
  test.each([
    ['refuse', one, false, false, 'passive'],
    ['path', one, false, true, 'passive'],
    ['cema', one, true, false, 'active'],
    ['cema', one, true, true, 'passive'],
    ['path', relayed, true, true, 'passive'],
    ['cema', relayed, true, true, 'active'],
  ] as const)(
    'of the answerer is %s for the path %s, msrp-cema %s, match %s, and %s',
    (rule, path, cema, matches, role) => {
      expect(answererRule(mediaOf(7, 'x', path, cema), matches, role)).toBe(rule);
    },
  );

  test.each([
    ['offer-again', one, false, false, 'passive'],
    ['cema', one, false, false, 'active'],
    ['offer-again', relayed, false, false, 'active'],
    ['cema', one, false, true, 'passive'],
    ['path', relayed, false, true, 'active'],
    ['path', relayed, true, true, 'active'],
    ['cema', relayed, true, false, 'active'],
    ['cema', one, true, false, 'passive'],
  ] as const)(
    'of the offerer is %s for the path %s, msrp-cema %s, match %s, and %s',
    (rule, path, cema, matches, role) => {
      expect(offererRule(mediaOf(7, 'x', path, cema), matches, role)).toBe(rule);
    },
  );
});

test('a connection elsewhere still asks for the name that the path has', async () => {
  const targets: ConnectTarget[] = [];
  const network: Pick<Network, 'connect'> = {
    connect: (target) => {
      targets.push(target);
      return Promise.reject(new Error('no'));
    },
  };
  const via = networkVia(network as Network, { host: '192.0.2.2', port: 5 });
  const tls = {};
  await expect(via.connect({ host: 'a.example', port: 7, tls })).rejects.toThrow('no');
  expect(targets).toEqual([{ host: '192.0.2.2', port: 5, tls, name: 'a.example' }]);
});
