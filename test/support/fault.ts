import { MSRPError } from '../../codec/errors.ts';

/** The error that `run` throws. That it throws nothing, or something else than an MSRPError, fails the test. */
export function faultOf(run: () => unknown): MSRPError {
  try {
    run();
  } catch (error) {
    if (error instanceof MSRPError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
