import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const ownNetwork = fileURLToPath(new URL('test/support/own-network.cjs', import.meta.url))

/**
 * Tests against the real kernel load the machine: one project after the other, and one file at a time where they measure it,
 * or kill what is at work. Files share nothing: each has a network and roots of its own.
 */
const onTheKernel = (name: string, order: number, testTimeout: number, maxWorkers = 1) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    fileParallelism: maxWorkers > 1,
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
    reporters: ['default', './test/support/skip-reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'test/unit/**/*.test.ts'],
          testTimeout: 20_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      onTheKernel('native', 2, 120_000),
      onTheKernel('integration', 3, 60_000, 2),
      onTheKernel('conformance', 4, 60_000, 2),
      onTheKernel('fault', 5, 300_000, 2),
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
