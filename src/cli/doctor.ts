import type { Diagnosis, HostCheck } from '../index.js'
import type { Command } from './command.js'
import { asksForJson, jsonOptions, printJson } from './json.js'
import { rootOptions, rootsOf } from './roots.js'

/** `inboard doctor`. */
export const doctor: Command = {
  words: ['doctor'],
  summary: 'Tell whether this host can run containers, and what mends it',
  options: { ...rootOptions, ...jsonOptions },
  notes: 'The exit code is 1 when containers cannot run here. Nothing is changed.',
  async run(given) {
    const isJson = asksForJson(given)
    const { Engine } = await import('../index.js')
    const diagnosis = await Engine.doctor(rootsOf(given))
    if (isJson) printJson(diagnosis)
    else process.stdout.write(linesOf(diagnosis))
    return diagnosis.ok ? 0 : 1
  },
}

const signs = { ok: '\u2713', warning: '!', failure: '\u2717' } as const
const colours = { ok: 32, warning: 33, failure: 31 } as const

function linesOf({ checks }: Diagnosis): string {
  const count = (wanted: HostCheck['status']) => checks.filter(({ status }) => status === wanted).length
  const sum = `${count('ok')} in order, ${count('warning')} warnings, ${count('failure')} failures`
  return `${checks.map(lineOf).join('')}\n${sum}\n`
}

function lineOf({ name, status, finding, meaning, remedy }: HostCheck): string {
  const lines = [`${coloured(signs[status], colours[status])} ${name}: ${finding}`]
  if (meaning !== undefined) lines.push(`    ${meaning}`)
  if (remedy !== undefined) lines.push(`    To mend it: ${remedy}`)
  return `${lines.join('\n')}\n`
}

const coloured = (text: string, colour: number) =>
  process.stdout.isTTY && !process.env.NO_COLOR ? `\u001b[${colour}m${text}\u001b[0m` : text
