// --relay and --password-file: the relay of ours that a command goes through.

import type { Command } from 'commander';
import { MSRPRelaySettings } from '../index.ts';
import { ExitCode } from './exit-code.ts';
import { CommandFailure, reasonOf } from './failure.ts';
import { contentOf } from './input.ts';

export interface RelayOptions {
  relay?: string;
  passwordFile?: string;
}

export function addRelayOptions(command: Command): Command {
  return command
    .option('--relay <uri>', 'our relay: msrps://user@domain, with :port where the DNS does not say it')
    .option('--password-file <file>', 'the password at the relay, in its first line; default: $MSRP_PASSWORD');
}

/** Undefined without --relay. Throws a {@link CommandFailure}. */
export async function relayOf({ relay, passwordFile }: RelayOptions): Promise<MSRPRelaySettings | undefined> {
  if (relay === undefined) {
    if (passwordFile === undefined) return undefined;
    throw new CommandFailure('--password-file is for --relay', ExitCode.usage);
  }
  const match = /^(msrps?):\/\/([^@/;]+)@(\[[^\]]+\]|[^:/;@]+)(?::(\d{1,5}))?(?:;tcp)?$/i.exec(relay);
  if (match === null) {
    throw new CommandFailure(
      `--relay wants msrps://user@domain or msrps://user@domain:port, not ${relay}`,
      ExitCode.usage,
    );
  }
  const [, scheme = '', user = '', domain = '', port] = match;
  const password = await passwordIn(passwordFile);
  try {
    return new MSRPRelaySettings({
      domain,
      username: decodeURIComponent(user),
      password,
      useTLS: scheme.toLowerCase() === 'msrps',
      port: port === undefined ? undefined : Number(port),
    });
  } catch (error) {
    throw new CommandFailure(`--relay: ${reasonOf(error)}`, ExitCode.usage);
  }
}

/** Never an argument of the command: everyone on a machine can read those. */
async function passwordIn(file: string | undefined): Promise<string> {
  const password = file === undefined ? process.env['MSRP_PASSWORD'] : (await contentOf(file)).toString('utf8');
  const [line = ''] = (password ?? '').split(/\r?\n/);
  if (line !== '') return line;
  throw new CommandFailure('--relay wants a password, in --password-file or $MSRP_PASSWORD', ExitCode.usage);
}
