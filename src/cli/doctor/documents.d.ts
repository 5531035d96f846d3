/** Pages of the documentation that go into the executable as they are. */
declare module '*.md' {
  const text: string
  export default text
}
