import { Database, type SQLQueryBindings, type Statement } from 'bun:sqlite'

/**
 * A database whose `close` closes: Bun 1.4.5 lets a connection with statements live on until they are collected, with
 * its descriptors, its locks and its -wal file.
 */
export class Connection extends Database {
  readonly #statements: { finalize(): void }[] = []

  override prepare<Row, Parameters extends SQLQueryBindings | SQLQueryBindings[]>(
    sql: string,
    parameters?: Parameters,
    // biome-ignore lint/suspicious/noExplicitAny: as the declaration it overrides
  ): Statement<Row, Parameters extends any[] ? Parameters : [Parameters]> {
    const statement = super.prepare<Row, Parameters>(sql, parameters)
    this.#statements.push(statement)
    return statement
  }

  override close(): void {
    for (const statement of this.#statements.splice(0)) statement.finalize()
    super.close(true)
  }
}
