import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, test } from 'vitest'

/** What a folder of `src` may import: other folders' values, other folders' types only, and, when restricted, builtins. */
interface Rule {
  readonly values: readonly string[]
  readonly types?: readonly string[]
  /** Absent: any builtin of Node. */
  readonly builtins?: readonly string[]
}

/** What programs have of the package: `src/index.ts`, and the folders that its types come from. */
const publicTypes = [
  '',
  'engine',
  'container',
  'image',
  'network',
  'volume',
  'spec',
  'events',
  'build',
  'registry',
  'snapshot',
  'dockerfile',
]

// Data flows one way: reference → registry → content → image → layer → snapshot → spec → network → launch → container. Only the
// engine sees all of it; errors and host are leaves; what is pure cannot reach a builtin that does I/O.
const rules: Readonly<Record<string, Rule>> = {
  errors: { values: [], builtins: [] },
  tracing: { values: [], builtins: ['diagnostics_channel'] },
  host: { values: ['errors'] },
  sockets: { values: [], builtins: ['fs', 'net', 'timers/promises'] },
  reference: { values: ['errors'], builtins: [] },
  registry: { values: ['errors', 'reference'], types: ['content'] },
  content: { values: ['errors', 'host'] },
  layer: { values: ['errors', 'host'], types: ['content'] },
  snapshot: { values: ['errors', 'host', 'layer'] },
  store: { values: ['errors'], types: ['spec', 'network'] },
  events: { values: ['errors', 'host', 'store'] },
  volume: { values: ['errors', 'host', 'layer', 'spec', 'store'], types: ['snapshot'] },
  image: {
    values: ['errors', 'host', 'reference', 'content', 'dockerfile', 'layer', 'store', 'spec', 'tracing'],
    types: ['events', 'registry', 'snapshot'],
  },
  build: { values: ['errors', 'host', 'content', 'layer', 'dockerfile', 'spec', 'tracing'], types: ['image'] },
  spec: { values: ['errors'], builtins: ['crypto', 'os', 'path', 'util'] },
  dockerfile: { values: ['errors', 'reference', 'spec'], builtins: ['path'] },
  network: { values: ['errors', 'host'], types: ['spec'] },
  launch: { values: ['errors', 'host', 'network', 'sockets'], types: ['events', 'spec', 'snapshot'] },
  // A commit gives one of the engine's handles. Who waits for several strategies combines them as anyone does.
  container: {
    values: ['errors', 'host', 'launch', 'network', 'sockets', 'spec', 'store', 'tracing', 'wait'],
    types: ['image', 'snapshot', 'engine', 'events', 'volume'],
  },
  engine: {
    values: [
      'errors',
      'host',
      'reference',
      'registry',
      'content',
      'layer',
      'snapshot',
      'store',
      'image',
      'spec',
      'network',
      'volume',
      'events',
      'launch',
      'container',
      'dockerfile',
      'build',
      'server',
      'tracing',
    ],
  },
  // The command-line program: over the package as anyone has it.
  cli: { values: [''] },
  // Over the public classes, of which it is given an engine.
  server: { values: ['errors', 'sockets'], types: publicTypes },
  // Entries of their own, over the public classes; those that open engines have the package's own entry.
  wait: { values: ['errors'], types: publicTypes },
  services: { values: ['errors', 'wait'], types: publicTypes },
  testing: { values: ['', 'errors', 'wait'], types: publicTypes },
  vitest: { values: ['', 'errors', 'testing'], types: publicTypes },
  otel: { values: ['errors', 'tracing'], types: publicTypes },
}

const root = fileURLToPath(new URL('../../', import.meta.url))
const src = join(root, 'src')

interface Import {
  readonly file: string
  readonly specifier: string
  readonly typeOnly: boolean
}

const imports = sourceFiles(src).flatMap(importsOf)

test('every folder of src has a rule', () => {
  const folders = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(folders.map((entry) => entry.name).sort()).toEqual(Object.keys(rules).sort())
})

test('a folder imports only the folders below it', () => {
  expect(
    imports
      .filter(isForeignFolder)
      .filter((entry) => !isAllowedFolder(entry))
      .map(describeImport),
  ).toEqual([])
})

test('what is pure imports no builtin that does I/O', () => {
  expect(
    imports
      .filter(isBuiltin)
      .filter((entry) => !isAllowedBuiltin(entry))
      .map(describeImport),
  ).toEqual([])
})

test('relative imports name the file that is emitted', () => {
  const relatives = imports.filter(({ specifier }) => specifier.startsWith('.'))
  expect(relatives.filter(({ specifier }) => !/\.js(on)?$/.test(specifier)).map(describeImport)).toEqual([])
})

test('only host loads the addon', () => {
  const loaders = sourceFiles(src).filter((file) => /\.node\b['"`]|node-gyp-build/.test(readFileSync(file, 'utf8')))
  expect(loaders.filter((file) => folderOf(file) !== 'host')).toEqual([])
})

function sourceFiles(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => join(directory, name))
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest)
  const found: Import[] = []
  const visit = (node: ts.Node): void => {
    const entry = importOf(node, source)
    if (entry) found.push({ file, ...entry })
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function importOf(node: ts.Node, source: ts.SourceFile): Omit<Import, 'file'> | undefined {
  if (ts.isImportDeclaration(node)) {
    return {
      specifier: textOf(node.moduleSpecifier),
      typeOnly: node.importClause?.isTypeOnly === true || onlyTypes(node),
    }
  }
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
    return { specifier: textOf(node.moduleSpecifier), typeOnly: node.isTypeOnly }
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { specifier: textOf(node.argument.literal), typeOnly: true }
  }
  const [argument] = ts.isCallExpression(node) ? node.arguments : []
  if (!argument || !ts.isCallExpression(node) || !ts.isStringLiteralLike(argument)) return undefined
  const loads = node.expression.kind === ts.SyntaxKind.ImportKeyword || /require$/.test(node.expression.getText(source))
  return loads ? { specifier: argument.text, typeOnly: false } : undefined
}

/** `import { type A, type B } from`. */
function onlyTypes(node: ts.ImportDeclaration): boolean {
  const bindings = node.importClause?.namedBindings
  if (!bindings || node.importClause?.name || !ts.isNamedImports(bindings)) return false
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly)
}

function textOf(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : ''
}

/** The folder of src that holds a file; '' for src itself. */
function folderOf(file: string): string {
  const path = relative(src, file)
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : ''
}

function targetFolder({ file, specifier }: Import): string {
  return folderOf(join(dirname(file), specifier))
}

function isForeignFolder(entry: Import): boolean {
  const folder = folderOf(entry.file)
  return folder !== '' && entry.specifier.startsWith('.') && targetFolder(entry) !== folder
}

function isAllowedFolder(entry: Import): boolean {
  const rule = rules[folderOf(entry.file)]
  const target = targetFolder(entry)
  if (!rule) return false
  return rule.values.includes(target) || (entry.typeOnly && rule.types?.includes(target) === true)
}

function isBuiltin({ specifier }: Import): boolean {
  return specifier.startsWith('node:')
}

function isAllowedBuiltin(entry: Import): boolean {
  const allowed = rules[folderOf(entry.file)]?.builtins
  return entry.typeOnly || !allowed || allowed.includes(entry.specifier.slice('node:'.length))
}

function describeImport({ file, specifier, typeOnly }: Import): string {
  return `${relative(root, file)} imports ${typeOnly ? 'types of ' : ''}${specifier}`
}
