import type { Command } from 'commander';
import { addDecode } from './decode.ts';

/** Adds all commands to `program`, in the order of its help. */
export function addCommands(program: Command): void {
  addDecode(program);
}
