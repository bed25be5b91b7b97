import Foundation
import Testing
import mullama

@Suite struct ChatTests {
  @Test(
    arguments: [
      ("", .nothing), ("  \n ", .nothing), (" hello\nyou ", .message("hello\nyou")), ("/help", .help),
      ("/quit", .exit),
      ("/clear", .clear), ("/adapters", .adapters), ("/stats", .stats), ("/exit ", .exit),
      ("/scale sql 0.5", .scale(name: "sql", 0.5)), ("/scale a b -1", .scale(name: "a b", -1)),
      ("/lora /x/y.gguf", .lora(path: "/x/y.gguf", scale: 1)),
      ("/lora  my file.gguf  0.25", .lora(path: "my file.gguf", scale: 0.25)),
      ("/drop sql", .drop(name: "sql")),
      ("/system be brief", .system("be brief")), ("/system", .system(nil)),
    ] as [(String, ChatInput)])
  func commandsAndMessages(text: String, expected: ChatInput) { #expect(ChatInput(text) == expected) }

  @Test(arguments: ["/scale", "/scale sql", "/scale sql x", "/scale sql nan", "/lora", "/drop", "/what", "/"])
  func badCommandsSayWhatIsMissing(text: String) {
    guard case .invalid = ChatInput(text) else {
      Issue.record("\(text) is taken as \(ChatInput(text))")
      return
    }
  }

  @Test func pastesAndFencesAreOneMessageCommandsOneLine() throws {
    let pipe = Pipe()
    var reader = MessageReader(descriptor: pipe.fileHandleForReading.fileDescriptor)
    func type(_ text: String) throws { try pipe.fileHandleForWriting.write(contentsOf: Data(text.utf8)) }
    try type("one\ntwo\n")
    #expect(reader.next() == "one\ntwo")
    try type("/help\n/exit\n")
    #expect(reader.next() == "/help")
    #expect(reader.next() == "/exit")
    try type("\"\"\"\na\n\nb\"\"\"\nrest")
    #expect(reader.next() == "\na\n\nb")
    try pipe.fileHandleForWriting.close()
    #expect(reader.next() == "rest")
    #expect(reader.next() == nil)
  }
}
