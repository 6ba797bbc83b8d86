// biome-ignore-all lint/suspicious/noTemplateCurlyInString: they are the Dockerfile's to replace.
import type { BuildGroup } from './build-case.js'

const text = (dockerfile: string) => ({ dockerfile })

/** How a Dockerfile is written: lines, comments, directives, quotes. */
export const syntax: BuildGroup = {
  'no line end at the end': text('FROM corpus\nLABEL a=1'),
  'lines that end with CR LF': text('FROM corpus\r\nLABEL a=1 \\\r\n  b=2\r\nCMD x\r\n'),
  'RUN with CR LF': text('FROM corpus\r\nRUN echo 1 > /a && \\\r\n  echo 2 > /b\r\n'),
  'a byte order mark': text('\uFEFFFROM corpus\nLABEL a=1\n'),
  'a byte order mark before a directive': text('\uFEFF# escape=`\nFROM corpus\nLABEL a=1 `\n b=2\n'),
  'comments everywhere': text(
    '# one\nFROM corpus\n  # two\nLABEL a=1 \\\n# three\n  b=2 \\\n  # four\n  c=3\n\t# five\n# six',
  ),
  'a comment at the end of a line is none': 'LABEL a=1 #b=2\nRUN echo 1 > /a # a comment of the shell',
  'a comment within RUN': 'RUN echo 1 > /a && \\\n# not this \\\n  # nor this\n  echo 2 > /b',
  'empty lines everywhere': text('\n\n  \nFROM corpus\n\n\t\nLABEL a=1 \\\n\n  b=2\n\n'),
  'blanks before instructions': '   LABEL a=1\n\tLABEL b=2\n \t RUN echo 1 > /a',
  'tabs between words': 'LABEL\ta=1\tb=2\nENV\tx\ty z\nEXPOSE\t80\t81',
  'instructions in all letters': 'lAbEl a=1\nenv b=2\nRun echo 1 > /a',
  'a continuation of a word': 'LABEL a=on\\\ne b=2',
  'a continuation of an instruction': 'LA\\\nBEL a=1',
  'a continuation with blanks after it': 'LABEL a=1 \\  \n  b=2',
  'a continuation at the end of the file': 'LABEL a=1 \\',
  'a continuation and a comment last': 'LABEL a=1 \\\n# the end',
  'two backslashes are no continuation': 'RUN echo a\\\\\nLABEL b=1',
  'a continuation within quotes': 'LABEL a="x \\\n   y"',
  'a continuation within JSON': 'CMD ["a", \\\n  "b"]',
  'the directive escape': text('# escape=`\nFROM corpus\nLABEL a=1 `\n  b=C:\\x\nENV c=`$d e=\\\\\n'),
  'the directive escape with blanks and other letters': text('#  EsCaPe  =  `  \nFROM corpus\nLABEL a=1 `\n  b=2\n'),
  'the directive escape with a backslash': text('# escape=\\\nFROM corpus\nLABEL a=1 \\\n  b=2\n'),
  'the directive escape and RUN': text('# escape=`\nFROM corpus\nRUN echo `\n  "a\\tb" > /a\n'),
  'the directive escape after a comment is a comment': text(
    '# a comment\n# escape=`\nFROM corpus\nLABEL a=1 \\\n  b=2\n',
  ),
  'the directive escape after an empty line is a comment': text('\n# escape=`\nFROM corpus\nLABEL a=1 \\\n  b=2\n'),
  'the directive escape after an instruction is a comment': text('FROM corpus\n# escape=`\nLABEL a=1 \\\n  b=2\n'),
  'the directive escape twice': text('# escape=`\n# escape=`\nFROM corpus\n'),
  'the directive escape of something else': text('# escape=x\nFROM corpus\n'),
  'the directive syntax': text('# syntax=docker/dockerfile:1\nFROM corpus\nLABEL a=1\n'),
  'the directives syntax and escape': text(
    '# syntax=docker/dockerfile:1\n# escape=`\nFROM corpus\nLABEL a=1 `\n b=2\n',
  ),
  'an unknown directive': text('# something=else\nFROM corpus\nLABEL a=1 \\\n b=2\n'),
  'an unknown directive before escape': text('# something=else\n# escape=`\nFROM corpus\nLABEL a=1 \\\n b=2\n'),
  'JSON in single quotes is a shell': "CMD ['a', 'b']\nENTRYPOINT ['c']",
  'JSON with blanks': 'CMD [ "a" , "b" ]\nVOLUME [ "/a" ]',
  'JSON over several lines': 'CMD [ \\\n "a", \\\n "b" \\\n]',
  'JSON with Unicode and escapes': 'CMD ["ä\\n\\u0041", "\\/"]\nLABEL a=["x"]',
  'JSON with something behind it is a shell': 'CMD ["a"] b',
  'quotes in words': 'LABEL a="b"\'c\'d "e"=f g=h"i j"k\nENV l="m n" o=\'p q\'',
  'quotes that are escaped': 'LABEL a="\\"b\\"" c=\'"d"\' e=\\"f\\"',
  'backslashes at the ends of words': 'LABEL a=b\\\\ c=d',
  'a line of 10,000 characters': `LABEL a=${'x'.repeat(10_000)}\nRUN test ${'y'.repeat(10_000)} && echo 1 > /a`,
  'a hundred instructions': Array.from({ length: 100 }, (_, at) => `ENV v${at}=${at}`).join('\n'),
  'Unicode everywhere': 'LABEL ä=ö\nENV ü="ß 🙂"\nRUN echo "ä ö ü" > /ä\nWORKDIR /ö\nCMD ["ü"]',
}
