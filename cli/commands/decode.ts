// msrp decode: a recorded stream of MSRP, or a living one, frame by frame.

import type { Command } from 'commander';
import { addCommand, type CommandContext, run } from '../command.ts';
import { ExitCode } from '../exit-code.ts';
import { formatFaultJSON, formatFrameJSON } from '../frame-json.ts';
import { type FrameListener, FrameReader } from '../frame-reader.ts';
import { countOf, formatFaultText, formatFrameText, shownBytes } from '../frame-text.ts';
import { isStandardInput, readInput } from '../input.ts';

interface DecodeOptions {
  tolerant?: true;
  json?: true;
}

export function addDecode(program: Command): void {
  addCommand(program, {
    name: 'decode',
    summary: 'Show each frame of a recorded or living MSRP stream, and what is wrong with it.',
    examples: [
      'msrp decode capture.msrp',
      `tshark -r call.pcap -q -z follow,tcp,raw,0 | grep -v '[^0-9a-f]' | xxd -r -p | msrp decode`,
      `msrp decode --json capture.msrp | jq -r 'select(.error) | .error.message'`,
    ],
  })
    .argument('[file]', 'a file of the octets of one direction of a connection; - or none: standard input')
    .option('-t, --tolerant', 'take what peers are known to send against the grammar and what is harmless')
    .option('-j, --json', 'one line of JSON for each frame')
    .action((file: string | undefined, options: DecodeOptions) =>
      run('decode', (context) => decode(file, options, context)),
    );
}

async function decode(file: string | undefined, options: DecodeOptions, context: CommandContext): Promise<ExitCode> {
  const { output, signal, say } = context;
  const startBytes = options.json ? 0 : shownBytes;
  const reader = new FrameReader(listenerFor(options, context), { tolerant: options.tolerant ?? false, startBytes });
  if (isStandardInput(file) && process.stdin.isTTY) say('waiting for MSRP on the terminal, until Ctrl-D');
  for await (const input of readInput(file, signal)) {
    reader.read(input);
    await output.flush();
    if (reader.isClosed || output.isClosed) break;
  }
  if (!signal.aborted && !output.isClosed) {
    reader.end();
    await output.flush();
  }
  if (signal.aborted) say(`stopped after ${summaryOf(reader)}`);
  else if (process.stderr.isTTY && !output.isClosed) say(summaryOf(reader));
  return reader.malformed === 0 ? ExitCode.ok : ExitCode.fault;
}

function listenerFor(options: DecodeOptions, { output, style }: CommandContext): FrameListener {
  if (options.json) {
    return {
      onFrame: (frame) => output.add(formatFrameJSON(frame)),
      onFault: (fault) => output.add(formatFaultJSON(fault)),
    };
  }
  return {
    onFrame: (frame) => output.add(formatFrameText(frame, style)),
    onFault: (fault, start) => output.add(formatFaultText(fault, start, style)),
  };
}

function summaryOf({ frames, malformed, bytes }: FrameReader): string {
  return `${countOf(frames, 'frame')}, ${malformed === 0 ? 'none' : malformed} malformed, ${countOf(bytes, 'byte')}`;
}
