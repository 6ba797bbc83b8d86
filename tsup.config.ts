import { defineConfig, type Options } from 'tsup'

const common: Options = {
  target: 'node20',
  platform: 'node',
  sourcemap: true,
}

export default defineConfig([
  {
    ...common,
    entry: { index: 'src/index.ts' },
    format: ['esm', 'cjs'],
    // What an application never calls is never loaded: subsystems behind `import()` become files of their own.
    splitting: true,
    // `import.meta.url` in the CommonJS build.
    shims: true,
    // tsup sets `baseUrl`, which TypeScript 6 reports as deprecated.
    dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  },
  // A program of its own, the same for both builds: what runs on the worker threads that read and write layers.
  { ...common, entry: { 'layer-worker': 'src/layer/layer-worker.ts' }, format: ['esm'] },
])
