// The C side: constants, one struct per operation whose members are 8 bytes each, and the decoder's schema.

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const upper = (name) => snake(name).toUpperCase()
const types = { u64: 'uint64_t ', str: 'const char *', bytes: 'const struct blob *', list: 'const struct blob *' }

const enumeration = (prefix, values) =>
  `enum {\n${Object.entries(values)
    .map(([name, value]) => `    ${prefix}_${upper(name)} = ${value},\n`)
    .join('')}};\n`

/** The field that says what an operation is about, for the report of its failure. */
const subjects = ['file', 'path', 'target', 'name', 'directory', 'cgroup', 'text', 'link']
function subject(fields) {
  const names = Object.keys(fields)
  const found = subjects.find((name) => fields[name] === 'str')
  return found === undefined ? -1 : names.indexOf(found)
}

const kind = (field, type) =>
  type === 'u64' && field.startsWith('slot') ? 'FIELD_SLOT' : `FIELD_${type.toUpperCase()}`

function operationStruct({ name, fields }) {
  const members = Object.entries(fields).map(([field, type]) => `    ${types[type]}${snake(field)};\n`)
  return members.length === 0 ? '' : `struct op_${name} {\n${members.join('')}};\n`
}

function schemaRow({ code, name, fields, in: allowed = [], again = false }, sections) {
  const mask = allowed.map((section) => 1 << sections[section]).reduce((all, bit) => all | bit, 0)
  const kinds = Object.entries(fields).map(([field, type]) => kind(field, type))
  return `    [${code}] = {"${name}", ${mask}, ${again}, ${kinds.length}, ${subject(fields)}, {${kinds.join(', ') || '0'}}},\n`
}

function dispatchCase({ name, fields }) {
  const argument = Object.keys(fields).length > 0 ? `, &fields->${name}` : ''
  return `    case OP_${upper(name)}: return do_${name}(supervisor${argument});\n`
}

function prototype({ name, fields }) {
  const parameter = Object.keys(fields).length > 0 ? `, const struct op_${name} *op` : ''
  return `int do_${name}(struct supervisor *s${parameter});\n`
}

/** Payload sizes of the frames that clients send; -1: any size. */
function requestLengths(frames) {
  const requests = Object.values(frames).filter(({ code }) => code >= 32)
  return requests
    .map(({ code, fields = [], tail }) => `    [${code}] = ${tail ? -1 : 1 + fields.length * 8},\n`)
    .join('')
}

/** The text of `native/supervisor/protocol.gen.h`. */
export function emitC(table, fingerprint) {
  const { operations, sections, frames } = table
  const withFields = operations.filter(({ fields }) => Object.keys(fields).length > 0)
  const handled = operations.filter(({ name }) => name !== 'section')
  const lastCode = Math.max(...operations.map(({ code }) => code))
  return `/* Generated from native/protocol/operations.mjs by native/protocol/generate.mjs. */
#ifndef INBOARD_PROTOCOL_GEN_H
#define INBOARD_PROTOCOL_GEN_H
#include <stdbool.h>
#include <stdint.h>

#define PLAN_MAGIC 0x${table.magic.toString(16)}u
#define PLAN_FINGERPRINT 0x${fingerprint.toString(16)}u
#define OPCODE_LAST ${lastCode}
#define FAULT_LAST ${Math.max(...Object.values(table.faultPoints))}
#define FRAME_LAST ${Math.max(...Object.values(frames).map(({ code }) => code))}

${enumeration('MODE', table.modes)}${enumeration('SECTION', sections)}${enumeration('LIMIT', table.limits)}${enumeration('FD', table.descriptors)}${enumeration('TARGET', table.targetFlags)}${enumeration('TREE', table.treeFlags)}${enumeration('STDIO', table.stdioKinds)}${enumeration('STDIO_FLAG', table.stdioFlags)}${enumeration('NETLINK', table.netlinkSockets)}${enumeration('RESTART', table.restartPolicies)}${enumeration('LOG_FORMAT', table.logFormats)}${enumeration('MOMENT', table.moments)}${enumeration('FAULT', table.faultPoints)}${enumeration('PROTOCOL', table.protocols)}${enumeration('HEALTH', { results: table.healthRecord.results, outputBytes: table.healthRecord.outputBytes })}${enumeration('OP', Object.fromEntries(operations.map(({ name, code }) => [name, code])))}${enumeration('FRAME', Object.fromEntries(Object.entries(frames).map(([name, { code }]) => [name, code])))}
/* bytes and list fields, in place in the plan; count is 0 for bytes. */
struct blob {
    uint32_t length;
    uint32_t count;
    char data[];
};

${withFields.map(operationStruct).join('\n')}
union op_fields {
    uint64_t raw[LIMIT_FIELDS];
${withFields.map(({ name }) => `    struct op_${name} ${name};\n`).join('')}};

enum field_kind { FIELD_U64, FIELD_SLOT, FIELD_STR, FIELD_BYTES, FIELD_LIST };

struct op_schema {
    const char *name;
    uint8_t sections; /* bit n: allowed in section n */
    bool again;       /* executed at each start of the program within a run */
    uint8_t fields;
    int8_t subject; /* the field that a failure is about, or -1 */
    uint8_t kinds[LIMIT_FIELDS];
};

/* One handler per operation: 0, or -1 with errno. */
struct supervisor;
${handled.map(prototype).join('')}
#ifdef PROTOCOL_DISPATCH
static inline int dispatch(struct supervisor *supervisor, uint32_t code, const union op_fields *fields) {
    switch (code) {
${handled.map(dispatchCase).join('')}    default: errno = EBADMSG; return -1;
    }
}
#endif

#ifdef PROTOCOL_REQUESTS
/* Payload length + 1 of what clients send; -1: any length; 0: no such frame. */
static const int16_t request_lengths[FRAME_LAST + 1] = {
${requestLengths(frames)}};
#endif

#ifdef PROTOCOL_SCHEMA
static const struct op_schema op_schemas[OPCODE_LAST + 1] = {
${operations.map((operation) => schemaRow(operation, sections)).join('')}};
#endif

#endif
`
}
