import Foundation

import ChatTemplates

/// The golden files in `Fixtures/chat-templates`, made by jinja2 3.1.6.
enum Golden {
  struct Case: Sendable {
    var name: String
    var template: String
    var context: [String: TemplateValue]
    /// nil: Jinja refuses.
    var output: String?
    /// Jinja's line for a syntax error.
    var line: Int?
    /// What `raise_exception` was given.
    var message: String?
  }

  static let folder = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Fixtures/chat-templates")

  /// The time at which the golden files' `strftime_now` stands still.
  static let date = TemplateDate(
    year: 2024, month: 7, day: 26, hour: 15, minute: 4, second: 5, microsecond: 678)

  static func text(_ path: String) throws -> String {
    try String(contentsOf: folder.appending(path: path), encoding: .utf8)
  }

  static func snippets() throws -> [Case] {
    let file = try TemplateValue(json: text("snippets.json")).object
    let context = try file["context"]?.object.dictionary ?? [:]
    return try (file["cases"]?.array ?? []).map { value in
      let template = try value.object["template"]?.string ?? ""
      return try golden(value.object, name: template, template: template, context: context)
    }
  }

  static func conversations(of templateName: String) throws -> [Case] {
    let file = try TemplateValue(json: text("conversations.json")).object
    let template = try text("templates/\(templateName)")
    let conversations = try file["conversations"]?.object
    return try (file["cases"]?.array ?? []).compactMap { value in
      let value = try value.object
      guard try value["template"]?.string == templateName, let name = try value["conversation"]?.string else {
        return nil
      }
      var context: [String: TemplateValue] = [
        "add_generation_prompt": false, "tools": .none, "documents": .none, "bos_token": "<s>",
        "eos_token": "</s>",
      ]
      context.merge(try conversations?[name]?.object.dictionary ?? [:]) { _, new in new }
      return try golden(value, name: "\(templateName), \(name)", template: template, context: context)
    }
  }

  private static func golden(
    _ value: TemplateObject, name: String, template: String, context: [String: TemplateValue]
  ) throws -> Case {
    Case(
      name: name, template: template, context: context, output: try value["output"]?.string,
      line: try value["line"]?.int, message: try value["message"]?.string)
  }
}

struct UnexpectedType: Error {}

extension TemplateValue {
  var object: TemplateObject {
    get throws { if case .object(let value) = self { value } else { throw UnexpectedType() } }
  }
  var array: [TemplateValue] {
    get throws { if case .array(let value) = self { value } else { throw UnexpectedType() } }
  }
  var string: String {
    get throws { if case .string(let value) = self { value } else { throw UnexpectedType() } }
  }
  var int: Int { get throws { if case .int(let value) = self { value } else { throw UnexpectedType() } } }
}

extension TemplateObject {
  var dictionary: [String: TemplateValue] {
    Dictionary(entries.map { ($0.key, $0.value) }) { _, new in new }
  }
}

/// Renders a template with a few variables.
func render(_ source: String, _ context: [String: TemplateValue] = [:]) throws -> String {
  try ChatTemplate(source).render(context, now: { Golden.date })
}
