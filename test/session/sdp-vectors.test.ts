// The vectors of SDP: descriptions as the RFCs print them, sections to refuse, and the tables of setup and of file transfers.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatFingerprint, preferredFingerprints } from '../../net/index.ts';
import {
  type MSRPMedia,
  parseDataChannels,
  refusalOf,
  renewalOf,
  SessionDescription,
  type Setup,
} from '../../session/index.ts';
import { allowedAnswers } from '../../session/sdp/setup.ts';
import { answererRule, matchesPath, placeOf } from '../../session/sdp/cema.ts';

interface Vectors {
  vectors: { id: string; sdp: string; expect: Record<string, unknown> }[];
  invalid: { sdpLines: string[]; reason: string; outcome: string }[];
  fileSelectorOfferRules: { previous: FileState; now: FileState; result: string }[];
  setupNegotiation: { offer: string | null; answerAllowed: string[] }[];
}

interface FileState {
  id: string;
  file: number;
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('../vectors/sdp-vectors.json', import.meta.url), 'utf8'));

const noLookup = (): Promise<string[]> => Promise.resolve([]);

describe('the description', () => {
  test.each(vectors.vectors)('$id says what it says', async ({ sdp, expect: expected }) => {
    for (const [name, value] of Object.entries(expected)) {
      if (name === 'note') continue;
      const read = readers[name];
      if (read === undefined) throw new Error(`no reader for ${name}`);
      expect({ [name]: await read(sdp) }).toEqual({ [name]: value });
    }
  });

  test.each(vectors.vectors)('$id prints as it was', ({ sdp }) => {
    expect(SessionDescription.parse(sdp).toString()).toBe(sdp);
  });
});

function mediaOf(sdp: string): MSRPMedia {
  const [media] = SessionDescription.parse(sdp).media;
  if (media === undefined) throw new Error('no media');
  return media;
}

/** What each field of the vectors is here. */
const readers: Record<string, (sdp: string) => unknown> = {
  proto: (sdp) => mediaOf(sdp).protocol,
  port: (sdp) => mediaOf(sdp).port,
  path: (sdp) => (mediaOf(sdp).path.length === 0 ? null : mediaOf(sdp).path.map(String)),
  acceptTypes: (sdp) => mediaOf(sdp).acceptTypes,
  acceptWrappedTypes: (sdp) => mediaOf(sdp).acceptWrappedTypes,
  maxSize: (sdp) => mediaOf(sdp).maxSize ?? null,
  direction: (sdp) => mediaOf(sdp).direction,
  setup: (sdp) => mediaOf(sdp).setup ?? null,
  cema: (sdp) => mediaOf(sdp).cema,
  fingerprints: (sdp) => mediaOf(sdp).fingerprints.map(({ hash, digest }) => ({ hash, bytes: digest.length })),
  use: (sdp) => preferredFingerprints(mediaOf(sdp).fingerprints)[0]?.hash,
  file: (sdp) => mediaOf(sdp).file,
  chatroom: (sdp) => mediaOf(sdp).chatroom,
  cmMatchesPath: (sdp) => matchesPath(mediaOf(sdp), noLookup),
  activeAnswererConnectsTo: (sdp) => {
    const media = mediaOf(sdp);
    const place = placeOf(media);
    return answererRule(media, false, 'active') === 'cema' && `${place?.host}:${place?.port}`;
  },
  toPathStays: (sdp) => mediaOf(sdp).path.map(String),
  cemaAnswerer: (sdp) =>
    answererRule(mediaOf(sdp), false, 'passive') === 'refuse'
      ? 'reject media line (port 0) or whole offer (488)'
      : 'accept',
  connectTo: (sdp) => `${mediaOf(sdp).path[0]?.host}:${mediaOf(sdp).path[0]?.port}`,
  peerUri: (sdp) => String(mediaOf(sdp).path.at(-1)),
  portMatchesPath: (sdp) => mediaOf(sdp).path.some(({ port }) => port === mediaOf(sdp).port),
  dataChannels: (sdp) =>
    parseDataChannels(sdp).map(({ stream, label, media }) => ({
      stream,
      label,
      subprotocol: 'msrp',
      cema: media.cema,
      setup: media.setup,
      acceptTypes: media.acceptTypes,
      path: media.path.map(String),
    })),
};

test('an offer through WebSocket is not refused for ports that match nothing', () => {
  const { sdp } = vectors.vectors.find(({ id }) => id === 'websocket-client-offer') ?? { sdp: '' };
  expect(refusalOf(mediaOf(sdp))).toBeUndefined();
});

describe('the section', () => {
  const head = ['v=0', 'o=- 1 1 IN IP4 h.example', 's=-', 'c=IN IP4 h.example', 't=0 0'];

  test.each(vectors.invalid)('with $reason: $outcome', ({ sdpLines, outcome }) => {
    const media = mediaOf([...head, ...sdpLines, ''].join('\r\n'));
    if (outcome.startsWith('refuse')) expect(refusalOf(media)).toBeTypeOf('string');
    else {
      expect(refusalOf(media)).toBeUndefined();
      expect(media.maxSize).toBeUndefined();
      expect(media.file?.selector.hashes).toBeUndefined();
    }
  });
});

test.each(vectors.fileSelectorOfferRules)(
  'a file offered as $previous and then as $now is: $result',
  ({ previous, now, result }) => {
    const results = {
      new: 'new transfer',
      unchanged: 'existing transfer, nothing starts',
      over: '',
      conflict: 'error: answer with port 0',
    };
    expect(results[renewalOf(fileMedia(previous), fileMedia(now))]).toBe(result);
  },
);

function fileMedia({ id, file }: FileState): MSRPMedia {
  return mediaOf(
    [
      'v=0',
      'm=message 2855 TCP/MSRP *',
      'a=path:msrp://h.example:2855/abcd;tcp',
      `a=file-selector:size:${file}`,
      `a=file-transfer-id:${id}`,
    ].join('\r\n'),
  );
}

test.each(vectors.setupNegotiation)(
  'an offer with setup $offer is answered with $answerAllowed',
  ({ offer, answerAllowed }) => {
    // Holdconn is no setup at all, and then the offerer connects.
    const isNone = offer === null || offer === 'holdconn';
    const allowed = allowedAnswers(isNone ? undefined : (offer as Setup));
    expect(allowed.toSorted()).toEqual(isNone ? ['passive'] : answerAllowed.toSorted());
  },
);

test('the fingerprint of an offer prints in capitals', () => {
  const { sdp } = vectors.vectors.find(({ id }) => id === 'offer-fingerprint') ?? { sdp: '' };
  for (const fingerprint of mediaOf(sdp).fingerprints) expect(sdp).toContain(formatFingerprint(fingerprint));
});
