/** The documents of an answer that tells of progress, each on its line. */
// biome-ignore lint/suspicious/noExplicitAny: documents of the API, whose fields tests name.
export function progressOf(text: string): readonly any[] {
  return text
    .split('\r\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
