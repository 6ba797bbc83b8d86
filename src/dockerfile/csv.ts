import { Refusal } from './failure.js'

/** The fields of one line: commas part them; within double quotes commas are text, and `""` is a quote. */
export function splitCsv(line: string): string[] {
  const fields: string[] = []
  for (let at = 0; at <= line.length; ) {
    const { field, end } = line[at] === '"' ? quotedField(line, at) : plainField(line, at)
    fields.push(field)
    at = end + 1
  }
  return fields
}

function plainField(line: string, start: number): { field: string; end: number } {
  const comma = line.indexOf(',', start)
  const end = comma < 0 ? line.length : comma
  const field = line.slice(start, end)
  if (field.includes('"')) throw new Refusal('failed to parse csv mounts: bare " in non-quoted field')
  return { field, end }
}

function quotedField(line: string, start: number): { field: string; end: number } {
  let field = ''
  for (let at = start + 1; ; ) {
    const quote = line.indexOf('"', at)
    if (quote < 0) break
    field += line.slice(at, quote)
    if (line[quote + 1] !== '"') {
      if (quote + 1 === line.length || line[quote + 1] === ',') return { field, end: quote + 1 }
      break
    }
    field += '"'
    at = quote + 2
  }
  throw new Refusal('failed to parse csv mounts: extraneous or missing " in quoted-field')
}
