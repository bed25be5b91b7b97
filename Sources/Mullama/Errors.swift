public import ChatTemplates
public import GGUF
public import Kernels
public import LoRA
public import SafeTensors
public import Tokenization
public import Transformer

// The errors that the library throws, under one roof: `import Mullama` is enough to catch them.

/// What is wrong with a GGUF file.
public typealias GGUFError = GGUF.GGUFError
/// What is wrong with a safetensors file.
public typealias SafeTensorsError = SafeTensors.SafeTensorsError
/// What is wrong with a model, or with what was asked of it.
public typealias ModelError = Transformer.ModelError
/// Why an adapter cannot be read or applied.
public typealias AdapterError = LoRA.AdapterError
/// What is wrong with a vocabulary.
public typealias TokenizerError = Tokenization.TokenizerError
/// What is wrong with a chat template.
public typealias ChatTemplateError = ChatTemplates.ChatTemplateError
/// What the kernels cannot compute with.
public typealias KernelError = Kernels.KernelError
