import Testing

import Kernels

@Suite struct KernelTableTests {
  @Test(arguments: [nil, ""] as [String?]) func theBestIsChosen(_ environment: String?) throws {
    let best = try KernelTable.best(environment: environment)
    #expect(best.name == (Processor.hasX86V4 ? "x86-64-v4" : Processor.hasX86V3 ? "x86-64-v3" : "portable"))
  }

  @Test func portableIsNamed() throws {
    #expect(try KernelTable.best(environment: "portable").name == "portable")
  }

  #if arch(x86_64)
    @Test(arguments: [("x86-64-v3", Processor.hasX86V3), ("x86-64-v4", Processor.hasX86V4)])
    func namedTables(_ name: String, _ canRun: Bool) throws {
      if canRun {
        #expect(try KernelTable.best(environment: name).name == name)
      } else {
        #expect(throws: KernelError.unsupportedProcessor(kernels: name)) {
          try KernelTable.best(environment: name)
        }
      }
    }
  #endif

  @Test(arguments: ["avx512", "Portable", " ", "x86-64-v3 "]) func unknownNames(_ name: String) {
    #expect(throws: KernelError.unknownKernels(name)) { try KernelTable.best(environment: name) }
    #expect("\(KernelError.unknownKernels(name))".contains(name))
  }

  @Test func tablesNameThemselves() {
    #expect(KernelTable.portable.name == "portable")
    #expect(KernelTable.reference.name == "reference")
  }
}
