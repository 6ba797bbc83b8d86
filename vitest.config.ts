import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import LongestFirst from './test/support/longest-first.js'

const ownNetwork = fileURLToPath(new URL('test/support/own-network.cjs', import.meta.url))

/**
 * Tests against the real kernel load the machine: one project after the other, two files at a time, or three where they mostly
 * wait. Files share nothing: each has a network and roots of its own.
 */
const onTheKernel = (name: string, order: number, testTimeout: number, maxWorkers = 2) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    maxWorkers,
    testTimeout,
    hookTimeout: 120_000,
    sequence: { groupOrder: order },
  },
})

export default defineConfig({
  test: {
    pool: 'forks',
    // No test ever sees the network of the machine.
    execArgv: ['--require', ownNetwork],
    // What is awaited comes at once on a quiet machine; a busy one is given its time.
    expect: { poll: { timeout: 15_000, interval: 10 } },
    // A failed test is a failure, not a reason to try again.
    retry: 0,
    allowOnly: false,
    sequence: { sequencer: LongestFirst },
    // What was found says more than how much it was.
    chaiConfig: { truncateThreshold: 2000 },
    reporters: ['./test/support/failure-reporter.ts', 'default', './test/support/skip-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      onTheKernel('native', 2, 120_000, 3),
      onTheKernel('integration', 3, 180_000),
      onTheKernel('conformance', 4, 180_000),
      onTheKernel('fault', 5, 600_000, 3),
      {
        extends: true,
        test: {
          name: 'types',
          include: [],
          typecheck: { enabled: true, only: true, include: ['test/types/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
          sequence: { groupOrder: 6 },
        },
      },
    ],
  },
})
