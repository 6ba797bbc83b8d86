import { type BaseIssue, type BaseSchema, getDotPath, type InferOutput, safeParse } from 'valibot'
import { ApiError } from './failures.js'

/** @throws {ApiError} 400 that says what is wrong where */
export function parse<Schema extends BaseSchema<unknown, unknown, BaseIssue<unknown>>>(
  schema: Schema,
  document: unknown,
): InferOutput<Schema> {
  if (Array.isArray(document) && schema.type === 'loose_object')
    throw new ApiError(400, 'invalid request: Invalid type: Expected Object but received Array')
  const result = safeParse(schema, document, { abortEarly: true })
  if (result.success) return result.output
  const [issue] = result.issues
  const path = getDotPath(issue)
  if (issue.received === 'undefined')
    throw new ApiError(
      400,
      `invalid request: ${path ? `${path} is missing` : 'a JSON document is missing in its body'}`,
    )
  throw new ApiError(400, `invalid request${path ? `: ${path}` : ''}: ${issue.message}`)
}
