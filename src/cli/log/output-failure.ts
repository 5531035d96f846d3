import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { IO_ERROR } from '../exit.ts'
import { CommandFailure, isBrokenPipe } from '../failure.ts'

interface Explanation {
  sentence: string
  hint: string
}

/**
 * What a person is told when an export cannot be written; an error that is none of the output, or a reader that went away,
 * as it is. @param path of the file, `undefined` for stdout
 */
export function outputFailure(error: unknown, path: string | undefined): unknown {
  if (isBrokenPipe(error) || !(error instanceof Error) || !('code' in error) || error instanceof CommandFailure)
    return error
  const code = String(error.code)
  const explained = path === undefined ? ofStdout(code, error) : ofFile(code, error, path)
  return explained ? new CommandFailure(explained.sentence, explained.hint, IO_ERROR, error) : error
}

function ofStdout(code: string, error: Error): Explanation | undefined {
  if (!isErrno(code)) return undefined
  const sentence = isFull(code)
    ? 'There is no room for the export where stdout leads to; what is there is a part of it.'
    : `stdout cannot be written (${error.message}); what is there is a part of the export.`
  return { sentence, hint: 'mcp-sse log export -o <a file on a disk with room>' }
}

function ofFile(code: string, error: Error, path: string): Explanation | undefined {
  if (!isErrno(code)) return undefined
  if (isFull(code)) {
    return {
      sentence: `There is no room for ${path}; nothing of it is left.`,
      hint: 'mcp-sse log export -o <a file on a disk with more room>',
    }
  }
  if (code === 'EISDIR')
    return { sentence: `${path} is a directory.`, hint: `mcp-sse log export -o ${path}/events.ndjson` }
  if (!existsSync(dirname(path)) || code === 'ENOTDIR') {
    return { sentence: `There is no directory ${dirname(path)}.`, hint: `mkdir -p ${dirname(path)}` }
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return {
      sentence: `You may not write ${path} (${error.message}).`,
      hint: 'mcp-sse log export -o <a file in a directory of yours>',
    }
  }
  return { sentence: `${path} cannot be written (${error.message}).`, hint: 'mcp-sse log export -o <another file>' }
}

function isErrno(code: string): boolean {
  return /^E[A-Z0-9]+$/.test(code)
}

function isFull(code: string): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
}
