// A client of a relay that is scripted octet by octet, its digest (RFC 2617 section 3.2.2) included: nothing of ours is in it.

import { createHash } from 'node:crypto';
import type { URI } from '../../index.ts';
import { rawConnect, type RawPeer } from '../net/raw-peer.ts';

/** A frame, as it came. */
export interface RawFrame {
  readonly id: string;
  /** What follows the id in the start-line. */
  readonly what: string;
  readonly flag: string;
  readonly text: string;
}

/** A whole message. */
export interface RawSend {
  readonly messageId: string;
  readonly body: string;
  /** Further header lines, each with its CRLF. */
  readonly fields?: string;
}

const contentHead = 'Content-Type: text/plain\r\n\r\n';
const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

export class RawClient {
  readonly peer: RawPeer;
  readonly uri: string;
  /** What the relay gave us. */
  token = '';
  /** All frames that came. */
  readonly got: RawFrame[] = [];
  #count = 0;

  private constructor(peer: RawPeer, uri: string) {
    this.peer = peer;
    this.uri = uri;
  }

  static async connect(relay: URI, name: string): Promise<RawClient> {
    return new RawClient(await rawConnect(relay), `msrp://127.0.0.1:9/${name};tcp`);
  }

  /** The next frame. */
  async frame(): Promise<RawFrame> {
    const [startLine, id = '', what = ''] = /^MSRP (\S+) (.*)\r\n$/.exec(await this.peer.until('\r\n')) ?? [];
    const rest = await this.peer.until(`-------${id}`);
    const end = await this.peer.until('\r\n');
    const frame = { id, what, flag: end.slice(0, 1), text: `${startLine ?? ''}${rest}${end}` };
    this.got.push(frame);
    return frame;
  }

  newId(): string {
    return `raw${String(++this.#count).padStart(6, '0')}`;
  }

  /** One write, one frame. */
  request(method: string, toPath: string, fields: string, body?: string): string {
    const id = this.newId();
    const content = body === undefined ? '' : `${contentHead}${body}\r\n`;
    this.peer.send(
      `MSRP ${id} ${method}\r\nTo-Path: ${toPath}\r\nFrom-Path: ${this.uri}\r\n${fields}${content}-------${id}$\r\n`,
    );
    return id;
  }

  /** A SEND whose end is to follow. Returns its transaction id. */
  begin(toPath: string, fields: string, body: string): string {
    const id = this.newId();
    this.peer.send(`MSRP ${id} SEND\r\nTo-Path: ${toPath}\r\nFrom-Path: ${this.uri}\r\n${fields}${contentHead}${body}`);
    return id;
  }

  end(id: string, body: string): void {
    this.peer.send(`${body}\r\n-------${id}$\r\n`);
  }

  /** Returns its transaction id. */
  send(toPath: string, { messageId, body, fields = '' }: RawSend): string {
    const range = `Byte-Range: 1-${body.length}/${body.length}`;
    return this.request('SEND', toPath, `Message-ID: ${messageId}\r\n${range}\r\n${fields}`, body);
  }

  /** 200 to a SEND, which goes one hop. */
  accept({ id, text }: RawFrame): void {
    const [from = ''] = pathIn(text, 'From-Path');
    this.peer.send(`MSRP ${id} 200 OK\r\nTo-Path: ${from}\r\nFrom-Path: ${this.uri}\r\n-------${id}$\r\n`);
  }

  /** Returns the codes that it was answered with. */
  async authenticate(relay: URI, username: string, password: string): Promise<string[]> {
    this.request('AUTH', String(relay), '');
    const challenge = await this.frame();
    this.request('AUTH', String(relay), `Authorization: ${answerTo(challenge, String(relay), username, password)}\r\n`);
    const granted = await this.frame();
    [this.token = ''] = pathIn(granted.text, 'Use-Path');
    return [challenge, granted].map(({ what }) => what.slice(0, 3));
  }
}

export function pathIn(text: string, name: string): string[] {
  return (new RegExp(`^${name}: (.*)\\r$`, 'm').exec(text)?.[1] ?? '').split(' ');
}

function answerTo({ text }: RawFrame, uri: string, username: string, password: string): string {
  const challenge = /^WWW-Authenticate: Digest (.*algorithm=MD5.*)\r$/im.exec(text)?.[1] ?? '';
  const of = (name: string): string => new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1] ?? '';
  const [realm, nonce, cnonce, nc] = [of('realm'), of('nonce'), 'f00dface', '00000001'];
  const proof = md5(`${md5(`${username}:${realm}:${password}`)}:${nonce}:${nc}:${cnonce}:auth:${md5(`AUTH:${uri}`)}`);
  return `Digest username="${username}", realm="${realm}", nonce="${nonce}", uri="${uri}", response="${proof}", qop=auth, cnonce="${cnonce}", nc=${nc}, algorithm=MD5`;
}
