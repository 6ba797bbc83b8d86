// Builds the addon with the address and undefined-behaviour sanitizers, aside, and runs its tests with it.
import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { buildAddon, buildPrograms, run, stage } from './native.mjs'

const tests = ['src/host', 'src/errors', 'src/network', 'test/support', 'vitest.config.ts', 'tsconfig.json']
const staged = stage('scripts', ...tests)
try {
  buildPrograms(staged)
  buildAddon(staged, { strict: true, sanitize: 'address,undefined' })
  const preload = execFileSync('g++', ['-print-file-name=libasan.so']).toString().trim()
  const env = {
    ...process.env,
    LD_PRELOAD: preload,
    // Node itself frees little at its end, and has its own handlers of SIGSEGV.
    ASAN_OPTIONS: 'detect_leaks=0:allow_user_segv_handler=1:use_sigaltstack=0:abort_on_error=1',
    UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1',
  }
  const only = ['--project', 'unit', 'src/host']
  run(process.execPath, ['node_modules/vitest/vitest.mjs', 'run', '--root', staged, ...only], { cwd: staged, env })
} finally {
  rmSync(staged, { recursive: true, force: true })
}
