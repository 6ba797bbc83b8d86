// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are Docker's to replace.
import { describe, expect, it } from 'vitest'
import { BuildError } from '../errors/index.js'
import { expandInstruction, GlobalScope, parseDockerfile, Scope } from './index.js'

const env = ['a=1', 'empty=', 'file=/tmp/foo.tar.gz', 'str=foobarbaz', 'p=*', 'two=x  y', 'ü=ue']

/** The values of the labels of a file. */
function labelsOf(text: string): string[] {
  const dockerfile = parseDockerfile(text)
  const scope = new Scope(new GlobalScope(dockerfile), { env })
  const labels = dockerfile.stages[0]?.instructions.map((one) => expandInstruction(one, scope).instruction) ?? []
  return labels.flatMap((label) => (label.kind === 'LABEL' ? label.pairs.map(({ value }) => value) : []))
}

/** The value of LABEL x=... */
function labelOf(text: string): string | undefined {
  return labelsOf(`FROM scratch\nLABEL x=${text}`)[0]
}

describe('a text', () => {
  it.each([
    // Plain, quoted, escaped.
    ['$a', '1'],
    ['${a}', '1'],
    ['$a$a', '11'],
    ['${a}b', '1b'],
    ['$ab', ''],
    ['$a.b', '1.b'],
    ['$a-b', '1-b'],
    ['$ü', 'ue'],
    ['"$a"', '1'],
    ["'$a'", '$a'],
    ['\\$a', '$a'],
    ['\\\\$a', '\\1'],
    ['"\\$a"', '$a'],
    ["'\\$a'", '\\$a'],
    ['"\\a\\"\\\\"', '\\a"\\'],
    ['a\\bc', 'abc'],
    ['"a\'b"', "a'b"],
    ["'a\"b'", 'a"b'],
    ['a"b c"\'d e\'f', 'ab cd ef'],
    ['""', ''],
    ['$two', 'x  y'],
    // A dollar that is none.
    ['$', '$'],
    ['a$', 'a$'],
    ['$.a', '$.a'],
    ['"$"', '$'],
    ['$/a', '$/a'],
    // Special parameters are never set.
    ['$1', ''],
    ['$10a', 'a'],
    ['$@$*$#$?$-$$$!$0', ''],
    ['${1:-x}', 'x'],
    // When it is not set, or empty.
    ['${a:-x}', '1'],
    ['${no:-x}', 'x'],
    ['${empty:-x}', 'x'],
    ['${a-x}', '1'],
    ['${no-x}', 'x'],
    ['${empty-x}', ''],
    ['${a:+x}', 'x'],
    ['${no:+x}', ''],
    ['${empty:+x}', ''],
    ['${a+x}', 'x'],
    ['${no+x}', ''],
    ['${empty+x}', 'x'],
    ['${a:?x}', '1'],
    ['${a?x}', '1'],
    ['${empty?x}', ''],
    ['${no:-}', ''],
    // Nested.
    ['${no:-$a}', '1'],
    ['${no:-${a}}', '1'],
    ['${no:-${nope:-${a:+deep}}}', 'deep'],
    ['${no:-a${a}b}', 'a1b'],
    ['${a:+${empty:-x}$a}', 'x1'],
    ['${no:-"}"}', '}'],
    ["${no:-'$a}'}", '$a}'],
    ['${no:-\\}}', '}'],
    ['"${no:-${a}}"', '1'],
    ['"${no:-\'x\'}"', 'x'],
    // Shortest and longest match at the beginning.
    ['${str#f*b}', 'arbaz'],
    ['${str##f*b}', 'az'],
    ['${str#foo}', 'barbaz'],
    ['${str#bar}', 'foobarbaz'],
    ['${str#*}', 'foobarbaz'],
    ['${str##*}', ''],
    ['${str#?}', 'oobarbaz'],
    ['${str#???b}', 'arbaz'],
    ['${str#*a*a}', 'z'],
    ['${str##*ba}', 'z'],
    ['${str#}', 'foobarbaz'],
    ['${no#x}', ''],
    ['${file##*/}', 'foo.tar.gz'],
    ['${file#*.}', 'tar.gz'],
    ['${a#$a}', ''],
    // At the end.
    ['${str%b*}', 'foobar'],
    ['${str%%b*}', 'foo'],
    ['${file%/*}', '/tmp'],
    ['${file%.*}', '/tmp/foo.tar'],
    ['${file%%.*}', '/tmp/foo'],
    ['${str%z}', 'foobarba'],
    ['${str%x}', 'foobarbaz'],
    ['${str%%*}', ''],
    ['${str%?a?}', 'foobar'],
    ['${str%a*z}', 'foobarb'],
    ['${str%%a*z}', 'foob'],
    // Replaced.
    ['${str/ba/fo}', 'fooforbaz'],
    ['${str//ba/fo}', 'fooforfoz'],
    ['${str/o/}', 'fobarbaz'],
    ['${str//o/}', 'fbarbaz'],
    ['${str/x/y}', 'foobarbaz'],
    ['${str/o*r/-}', 'f-baz'],
    ['${str//?a/-}', 'foo-r-z'],
    ['${str//a?/$a}', 'foob1b1'],
    ['${file//\\//_}', '_tmp_foo.tar.gz'],
    ['${file/tmp/${a:+var}}', '/var/foo.tar.gz'],
    ['${str/*/x}', 'x'],
    ['${str//*/x}', 'x'],
    ['${a///x}', 'x1x'],
    ['${str//o/$a$p}', 'f1*1*barbaz'],
    ['${str//o/\\$}', 'f\\$\\$barbaz'],
    // What is special in patterns, and how it is not.
    ['${p#\\*}', ''],
    ['${p%\\*}', ''],
    ['${p#\\?}', '*'],
    ['${p/\\*/x}', 'x'],
    ['${str#[f]}', 'foobarbaz'],
    ['${str#f.}', 'foobarbaz'],
    ['${str#"f"*b}', 'arbaz'],
    ['${file#/t?p}', '/foo.tar.gz'],
    // Not of this language.
    ['<a', '<a'],
    ['a<<b', 'a<<b'],
    ['`a`', '`a`'],
    ['$(a)', '$(a)'],
    ['~', '~'],
    ['{a}', '{a}'],
  ])('%s is %j', (text, value) => {
    expect(labelOf(text)).toBe(value)
  })

  it.each([
    ['${', "missing '}'"],
    ['${a', "missing '}'"],
    ['${}', 'bad substitution'],
    ['${:x}', 'bad substitution'],
    ['${{a}', 'bad substitution'],
    ['${a:-x', "missing '}'"],
    ['${a/b}', "missing '/'"],
    ['${a/b/c', "missing '}'"],
    ['${a=x}', 'unsupported modifier (=) in substitution'],
    ['${a:=x}', 'unsupported modifier (:=) in substitution'],
    ['${a:#x}', 'unsupported modifier (:#) in substitution'],
    ['${a^^}', 'unsupported modifier (^) in substitution'],
    ['${a@Q}', 'unsupported modifier (@) in substitution'],
    ['${a[0]}', 'unsupported modifier ([) in substitution'],
    ['${no:?}', 'no: is not allowed to be unset'],
    ['${no?}', 'no: is not allowed to be unset'],
    ['${empty:?}', 'empty: is not allowed to be empty'],
    ['${no:?give$a}', 'no: give1'],
    ['${a#\\x}', "invalid pattern (\\x) in substitution: invalid escape '\\x'"],
    ['"a', 'looking for matching double-quote'],
    ["'a", 'looking for matching single-quote'],
    ['"${no:-"x}"', "missing '}'"],
    [`${'${a:-'.repeat(200)}${'}'.repeat(200)}`, 'nested too deeply'],
  ])('%s is refused', (text, message) => {
    expect(() => labelOf(text)).toThrow(message)
    expect(() => labelOf(text)).toThrow(BuildError)
  })

  it('has the escape token of the file', () => {
    const label = 'LABEL x=`$a y=\\$a z="`"`$a``" w=C:\\b'
    expect(labelsOf(`# escape=\`\nFROM a\n${label}`)).toEqual(['$a', '\\1', '"$a`', 'C:\\b'])
  })
})
