import { readFileSync } from 'node:fs'

/** A file of `facts/`: what a real Docker daemon showed (28.4 where it differs from 20.10; the variants are of 20.10). */
export function fact(name: string): string {
  return readFileSync(new URL(`../facts/${name}`, import.meta.url), 'utf8')
}

export const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
