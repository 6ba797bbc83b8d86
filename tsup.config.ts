import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig, type Options } from 'tsup'
import ts from 'typescript'

type Plugin = NonNullable<Options['esbuildPlugins']>[number]

const common: Options = {
  target: 'node20',
  platform: 'node',
  sourcemap: true,
}

const engine = 'src/engine/opening.ts'

/** What the package exports; those of src/tsconfig.json. */
const entries = {
  index: 'src/index.ts',
  wait: 'src/wait/index.ts',
  services: 'src/services/index.ts',
  vitest: 'src/vitest/index.ts',
  testing: 'src/testing/index.ts',
  otel: 'src/otel/index.ts',
}

/** What `tsc -p src` has made of them: to read that takes a tenth of the time. */
const declarations = Object.entries(entries).map(([name, path]) => [
  name,
  path.replace(/^src(.*)\.ts$/, 'build/types$1.d.ts'),
])

/**
 * What an engine loads when it is opened, and what it loads later, have most of their modules in common, each of the later ones
 * another part: esbuild would cut that into a file for each combination, and a first call would read fifty files. So each of
 * the later ones says that it needs the engine, which is there already: what the engine has is one file then.
 */
const behindEngine: Plugin = {
  name: 'behind-engine',
  async setup(build) {
    const later = await loadedLater(build)
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path }) => {
      if (!later.has(path)) return undefined
      return { contents: `${readFileSync(path, 'utf8')}\nimport '${resolve(engine)}'`, loader: 'ts' }
    })
    // The package has no side effects, so that what is unused is left out; this import is for no other.
    build.onResolve({ filter: /\/src\/engine\/opening\.ts$/ }, ({ path }) => ({ path, sideEffects: true }))
  },
}

/** The modules behind `import()`, but for the engine itself, and for those that come with the package. */
async function loadedLater({ esbuild }: Parameters<Plugin['setup']>[0]): Promise<Set<string>> {
  const { metafile } = await esbuild.build({
    entryPoints: ['src/index.ts'],
    platform: 'node',
    packages: 'external',
    bundle: true,
    metafile: true,
    logLevel: 'silent',
    write: false,
    outdir: 'dist',
  })
  const importsOf = (path: string) => metafile.inputs[path]?.imports.filter(({ external }) => !external) ?? []
  const withPackage = new Set(['src/index.ts'])
  for (const path of withPackage)
    for (const { kind, path: target } of importsOf(path)) if (kind === 'import-statement') withPackage.add(target)
  const behind = Object.keys(metafile.inputs).flatMap((path) =>
    importsOf(path).flatMap(({ kind, path: target }) => (kind === 'dynamic-import' ? [target] : [])),
  )
  return new Set(behind.filter((path) => path !== engine && !withPackage.has(path)).map((path) => resolve(path)))
}

/** The command-line program uses the package as anyone does: what it imports of it is dist/index.js. */
const overThePackage: Plugin = {
  name: 'over-the-package',
  setup(build) {
    build.onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: './index.js', external: true }))
  },
}

/**
 * What makes CommonJS of a file takes `this.#name = ` for an assignment to what the file exports as `name`, and exports that then:
 * such private names get others before.
 */
const privateNames: NonNullable<Options['plugins']>[number] = {
  name: 'private-names',
  renderChunk(code, { path, map }) {
    if (this.format !== 'cjs' || !path.endsWith('.cjs')) return undefined
    const exported = new Set<string>()
    const ends: number[] = []
    const source = ts.createSourceFile(path, code, ts.ScriptTarget.Latest, false, ts.ScriptKind.JS)
    const findExports = (node: ts.Node): void => {
      if (ts.isExportSpecifier(node)) exported.add((node.propertyName ?? node.name).text)
      else if (ts.isExportDeclaration(node) || ts.isNamedExports(node)) ts.forEachChild(node, findExports)
    }
    const findNames = (node: ts.Node): void => {
      if (ts.isPrivateIdentifier(node) && exported.has(node.text.slice(1))) ends.push(node.end)
      ts.forEachChild(node, findNames)
    }
    ts.forEachChild(source, findExports)
    findNames(source)
    const parts = ends.map((end, index) => code.slice(ends[index - 1] ?? 0, end))
    return { code: [...parts, code.slice(ends.at(-1) ?? 0)].join('_'), map: map ?? null }
  },
}

export default defineConfig([
  {
    ...common,
    // Together, so that what several have, such as the classes of errors, is there once.
    entry: entries,
    format: ['esm', 'cjs'],
    // What an application never calls is never loaded: subsystems behind `import()` become files of their own.
    splitting: true,
    esbuildPlugins: [behindEngine],
    plugins: [privateNames],
    // `import.meta.url` in the CommonJS build.
    shims: true,
    // tsup sets `baseUrl`, which TypeScript 6 reports as deprecated.
    dts: { entry: Object.fromEntries(declarations), compilerOptions: { ignoreDeprecations: '6.0' } },
  },
  // A program of its own, the same for both builds: what runs on the worker threads that read and write layers.
  { ...common, entry: { 'layer-worker': 'src/layer/layer-worker.ts' }, format: ['esm'] },
  { ...common, entry: { cli: 'src/cli/main.ts' }, format: ['esm'], esbuildPlugins: [overThePackage] },
])
