import type { ViteUserConfig } from 'vitest/config';

const { MSRP_INTEROP, MSRP_PROPERTY_SECONDS, MSRP_TEST_REPORT } = process.env;

const config: ViteUserConfig = {
  test: {
    // Interop tests need real peers: test/interop/run installs and starts them.
    include: [MSRP_INTEROP === undefined ? 'test/**/*.test.ts' : 'test/interop/**/*.test.ts'],
    exclude: MSRP_INTEROP === undefined ? ['test/interop/**'] : [],
    setupFiles: ['test/setup.ts'],
    // A process for each file, so that what a file leaves open is its own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: MSRP_PROPERTY_SECONDS === undefined ? 30_000 : 120_000,
    hookTimeout: 30_000,
    reporters: MSRP_TEST_REPORT === undefined ? ['default'] : ['default', ['json', { outputFile: MSRP_TEST_REPORT }]],
  },
};

export default config;
