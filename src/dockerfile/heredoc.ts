import { jsonList, splitInstruction } from './instruction-text.js'
import { shellWords } from './shell-words.js'
import type { EscapeToken, Heredoc } from './types.js'

/** A heredoc whose content is still to come. */
export type OpenHeredoc = Omit<Heredoc, 'content'>

/** The heredocs that an instruction's text opens. */
export function heredocsIn(text: string, token: EscapeToken): OpenHeredoc[] {
  if (!text.includes('<<') || !takesHeredocs(text, token)) return []
  return shellWords(text, { quotes: 'keep', keepEscapes: true }).flatMap((word) => heredocOf(word) ?? [])
}

/** `<<EOF`, `<<-'EOF'`, `3<<EOF`; undefined for all other words. */
export function heredocOf(word: string): OpenHeredoc | undefined {
  const [, dash, rest] = /^\d*<<(-?)\s*([^<\s][^<]*)$/.exec(word) ?? []
  if (rest === undefined) return undefined
  const [name, ...more] = shellWords(rest)
  if (name === undefined || more.length > 0) return undefined
  const [written = ''] = shellWords(rest, { quotes: 'keep' })
  return { name, expand: quotesIn(written) === quotesIn(name), stripTabs: dash === '-' }
}

/** What a program sees of it. */
export function textOf({ content, stripTabs }: Pick<Heredoc, 'content' | 'stripTabs'>): string {
  return stripTabs ? content.replace(/(^|\n)\t+/g, '$1') : content
}

function takesHeredocs(text: string, token: EscapeToken): boolean {
  const outer = splitInstruction(text, token)
  const { keyword, rest } = /^onbuild$/i.test(outer.keyword) ? splitInstruction(outer.rest, token) : outer
  return /^(?:add|copy|run)$/i.test(keyword) && jsonList(rest) === undefined
}

function quotesIn(text: string): number {
  return text.replace(/[^'"]/g, '').length
}
