// The TypeScript side: constants, one encoder method per operation, and the frames of the control socket.

const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
const pascal = (name) => camel(`_${name}`)
const types = { u64: 'number | bigint', str: 'string', bytes: 'Uint8Array', list: 'readonly string[]' }
/** Realtime nanoseconds do not fit a double. */
const frameFieldType = (name) => (name.endsWith('Ns') ? 'bigint' : 'number')
const tailTypes = { str: 'text: string', bytes: 'data: Uint8Array' }

const constant = (name, value) =>
  `export const ${name} = {\n${Object.entries(value)
    .map(([key, part]) => `  ${key}: ${part},\n`)
    .join('')}} as const\n`

function operationMethod({ code, name, fields, in: allowed = [], doc }) {
  const names = Object.keys(fields)
  const where = allowed.length > 0 ? ` (${allowed.join(', ')})` : ''
  const comment = `  /** ${doc}${where} */\n`
  if (name === 'section') {
    return `${comment}  section(kind: SectionName): void {\n    this.begin(${code}, 'section')\n    this.u64(sections[kind])\n    this.end()\n  }\n`
  }
  const parameter = names.length > 0 ? `fields: ${pascal(name)}` : ''
  const lines = names.map((field) => `    this.${fields[field]}(fields.${field})\n`).join('')
  return `${comment}  ${camel(name)}(${parameter}): void {\n    this.begin(${code}, '${name}')\n${lines}    this.end()\n  }\n`
}

function operationInterface({ name, fields, doc }) {
  if (name === 'section' || Object.keys(fields).length === 0) return ''
  const lines = Object.entries(fields).map(([field, type]) => `  readonly ${field}: ${types[type]}\n`)
  return `/** ${doc} */\nexport interface ${pascal(name)} {\n${lines.join('')}}\n\n`
}

function frameInterface(name, { fields = [], tail, doc }) {
  const lines = fields.map((field) => `  readonly ${field}: ${frameFieldType(field)}\n`)
  if (tail) lines.push(`  readonly ${tailTypes[tail]}\n`)
  const comment = doc ? `/** ${doc} */\n` : ''
  return `${comment}export interface ${pascal(name)}Frame {\n  readonly type: '${name}'\n${lines.join('')}}\n\n`
}

function frameTable(frames) {
  const rows = Object.entries(frames).map(([name, { code, fields = [], tail }]) => {
    const list = fields.map((field) => `'${field}'`).join(', ')
    return `  { name: '${name}', code: ${code}, fields: [${list}], tail: ${tail ? `'${tail}'` : 'undefined'} },\n`
  })
  return `const layouts: readonly FrameLayout[] = [\n${rows.join('')}]\n`
}

/** The text of `src/launch/protocol.gen.ts`. */
export function emitTypeScript(table, fingerprint) {
  const { operations, frames } = table
  const frameNames = Object.keys(frames)
  return `// Generated from native/protocol/operations.mjs by native/protocol/generate.mjs.
import { type FrameLayout, frameCodec } from './frame-codec.js'
import { PlanEncoder, type PlanOptions } from './plan-encoder.js'

export const magic = 0x${table.magic.toString(16)}
/** Of the table that both sides were generated from; a supervisor refuses a plan with another one. */
export const fingerprint = 0x${fingerprint.toString(16)}
${['modes', 'sections', 'limits', 'descriptors', 'targetFlags', 'treeFlags', 'stdioKinds', 'stdioFlags', 'netlinkSockets', 'restartPolicies', 'logFormats', 'moments', 'faultPoints', 'protocols'].map((name) => constant(name, table[name])).join('')}
export type ModeName = keyof typeof modes
export type SectionName = keyof typeof sections

/** Opcodes by operation name. */
${constant('opcodes', Object.fromEntries(operations.map(({ name, code }) => [name, code])))}
export type OperationName = keyof typeof opcodes

/** Operation names by opcode. */
export const operationNames: Readonly<Record<number, OperationName>> = {
${operations.map(({ name, code }) => `  ${code}: '${name}',\n`).join('')}}

/** Keys of the text records in the run directory. */
export const records = {
${Object.entries(table.records)
  .map(([name, keys]) => `  ${name}: [${keys.map((key) => `'${key}'`).join(', ')}],\n`)
  .join('')}} as const

/** The record \`health\` of the run directory: u64s, and what was printed. */
export const healthRecord = {
  head: [${table.healthRecord.head.map((key) => `'${key}'`).join(', ')}],
  result: [${table.healthRecord.result.map((key) => `'${key}'`).join(', ')}],
  results: ${table.healthRecord.results},
  outputBytes: ${table.healthRecord.outputBytes},
} as const

${operations.map(operationInterface).join('')}/** Builds a launch plan: one call per operation, in order, then \`finish\`. */
export class PlanWriter extends PlanEncoder<OperationName> {
  constructor() {
    super({ magic, fingerprint, planBytes: limits.planBytes, operations: limits.operations })
  }

  /** Ends the plan. The bytes are a view of the writer's buffer: write nothing more afterwards. */
  finish(options: Omit<PlanOptions, 'mode'> & { readonly mode: ModeName }): Uint8Array {
    return this.seal({ ...options, mode: modes[options.mode] })
  }

${operations.map(operationMethod).join('\n')}}

${frameNames.map((name) => frameInterface(name, frames[name])).join('')}/** What travels on the control socket, told apart by \`type\`. */
export type Frame =
${frameNames.map((name) => `  | ${pascal(name)}Frame\n`).join('')}
/** Frame codes by name. */
${constant('frameCodes', Object.fromEntries(frameNames.map((name) => [name, frames[name].code])))}
${frameTable(frames)}
/** \`encodeFrame(frame)\`: header and payload. \`decodeFrame(type, payload)\`: the frame; RangeError when it is malformed. */
export const { encodeFrame, decodeFrame } = frameCodec<Frame>(layouts)
`
}
