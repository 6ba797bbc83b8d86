import type { Script } from '../docker-script.js'

/** Attached to containers, with and without a terminal. */
export const terminals: Script = {
  name: 'terminals',
  images: { busybox: 'busybox' },
  steps: [
    {
      run: 'docker run -it --name t1 busybox',
      terminal: [
        ['/ # ', 'echo one\r'],
        ['\none', ''],
        ['/ # ', '\x10\x11'],
      ],
      shows: /^one\r?$/m,
    },
    { run: 'docker ps --format "{{.Names}} {{.Status}}"', shows: /^t1 Up/m },
    {
      run: 'docker attach t1',
      terminal: [
        ['', '\r'],
        ['/ # ', 'echo two\r'],
        ['\ntwo', ''],
        ['/ # ', '\x10\x11'],
      ],
      exits: 1,
      shows: /read escape sequence/,
      compared: 'no',
    },
    {
      run: 'docker attach --detach-keys "ctrl-a,x" t1',
      terminal: [
        ['', '\r'],
        ['/ # ', 'echo three\r'],
        ['\nthree', ''],
        ['/ # ', '\x01x'],
      ],
      exits: 1,
      shows: /read escape sequence/,
      compared: 'no',
    },
    {
      run: 'docker exec -it t1 sh',
      terminal: [
        ['/ # ', 'stty size; tty\r'],
        ['/dev/pts', ''],
        ['/ # ', 'exit 5\r'],
      ],
      exits: 5,
      shows: [/^24 80\r?$/m, /^\/dev\/pts\/\d+\r?$/m],
    },
    {
      run: 'docker exec -it --detach-keys "ctrl-e" t1 sh',
      terminal: [
        ['/ # ', 'echo four\r'],
        ['\nfour', ''],
        ['/ # ', '\x05'],
      ],
      exits: 1,
      shows: /read escape sequence/,
      compared: 'no',
    },
    { run: 'docker logs t1', shows: [/^two\r?$/m, /^three\r?$/m], compared: 'no' },
    {
      run: 'docker attach t1',
      terminal: [
        ['', '\r'],
        ['/ # ', 'exit 7\r'],
      ],
      exits: 7,
      compared: 'no',
    },
    { run: 'docker wait t1', shows: /^7$/m },
    { run: 'docker start -ai t1', terminal: [['/ # ', 'exit 6\r']], exits: 6 },
    { run: 'docker attach t1', exits: 1, shows: /You cannot attach to a stopped container, start it first/ },

    { run: 'docker create -i --name pipe busybox cat' },
    { run: 'docker start -i -a pipe', stdin: 'through a pipe\n', shows: /^through a pipe$/m },
    { run: 'docker start -i -a pipe', stdin: 'again\n', shows: /^again$/m },
    { run: 'docker run -a stdout --rm busybox sh -c "echo out; echo err >&2"', shows: /^out$/m, hides: /err/ },
    { run: 'docker run -a stderr --rm busybox sh -c "echo out; echo err >&2"', shows: /^err$/m, hides: /out/ },
    { run: 'docker run -i --rm busybox wc -c', stdin: 'x'.repeat(300_000), shows: /^300000$/m },
    { run: 'docker run --rm busybox sh -c "head -c 1000000 /dev/zero" | wc -c', shows: /^1000000$/m },
    { run: 'docker run --rm -t busybox tty', shows: /^\/dev\/pts\/0\r?$/m, terminal: [] },
    { run: 'docker run --rm -it busybox true', exits: 1, shows: /the input device is not a TTY/ },
    {
      run: 'docker run --name catching busybox sh -c "trap \'echo caught; exit 8\' INT; echo ready; while true; do sleep 0.1; done"',
      shows: /ready/,
      interrupted: true,
    },
    { run: 'docker wait catching', shows: /^8$/m },
    { run: 'docker logs catching', shows: /^caught$/m },
    { run: 'docker rm -f t1 pipe catching' },
  ],
}
