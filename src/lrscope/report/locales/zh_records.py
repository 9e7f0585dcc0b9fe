"""中文：关于所读记录和尚待进行的训练的说明。"""

WORDS = {
    "own-training": "命令换成你自己的训练命令；其中填入 {{lr}}、{{seed}} 和 {{out}}",
}

SAY = {
    "overlap": "{second} 中有 {number} 个样本也出现在 {first} 中，{second} 的分数可能因此偏高。",
    "seal-opened": "{number} 次训练的 test 分数已于 {when}（UTC）由 lrscope {command} 打开。",
    "unread-omitted": "日志中另有 {number} 行未能识别，未一一列出。",
    "nearly-finished": "{arms}：最后一次评估在训练的 {share} 处或之后；按训练结束时的值计。",
    "earlier-checkpoint": "{arm}：有 {number} 份记录是另一份记录的开头，即同一次训练较早的检查点：每次训练只计一次。",
    "records-left-out": "文件夹中另有 {number} 份记录与更完整的记录属于同样的训练，未计入：{files}。可单独对其生成报告。",
    "record-not-read": "{file} 无法读取：{reason}。",
    "folders-unlisted": "以下文件夹无法列出，其中内容未读取：{folders}。",
    "folder-cut": "{folder} 的内容多于查看的范围：最多打开 {number} 个文件、查看 100,000 个名称。可对其中的文件夹分别生成报告。",
    "seeds-unnamed": "{arms}：有多次训练没有写明种子，按同一设置的不同种子计。若它们还有其他不同（数据、模型、未记录的设置），其差异就不是种子的差异：请分开报告。",
    "peak-unknown": "{arms}：这是日志中最高的学习率，而日志没有显示峰值；所设定的学习率可能更高。",
    "paths-differ": "{arm} 的各次训练按同一设置的不同种子计，但所在路径的名称不同：{parts}。若这些是设置，请用 --arm-from path 从名称读取。",
    "settings-beside": "记录中未注明的设置取自其旁边的配置文件：{files}。",
    "never-evaluated": "{arms}：从未在 dev 集上评估，因此没有结果。",
    "rate-groups": "各参数组有自己的学习率：所示为 {chosen} 的；{others} 与之不同。",
    "best-of-epochs": "从名称看，{chosen} 是每次训练各次评估中的最好值。多次中的最好值会因偶然而偏好，评估越多越明显。",
    "mean-of-runs": "从名称看，{chosen} 是平均值。若是多个种子的平均，其噪声与这里假定的单次训练不同：请每次训练一行，并给出种子。",
    "other-metrics": "按 {chosen} 比较。dev 集还测量了 {others}：可用 --metric 指定。",
    "duplicate-run": "{arm} 有两次训练的 {number} 个数值完全相同：看来是同一次训练给了两遍，只计一次。",
    "settings-unnamed": (
        "{arm} 的 {of} 次训练中有 {number} 次没有写明 {settings}，其余的写明了。它们按同一设置的不同种子计；若训练方式不同，请分开报告。"
    ),
    "unfinished": "{arm}：{of} 次训练中有 {number} 次早于其他训练或早于计划结束；若有完整的训练，则不计入。记录没有说明是否为提前停止。",
    "heading-differs": "第 {heading_line} 行的标题写的是 {heading}，而第 {line} 行的设置写的是 {rate}；各次训练以自己的标题为准。",
    "cut-off": "{arm}（第 {line} 行）：日志中只有 {of} 轮中的 {epochs} 轮。",
    "epoch-repeated": "{arm}（第 {line} 行）：{epoch}重复出现，以最后一次为准。",
    "curve-elsewhere": "{file} 只有一次运行的汇总：采用其最后一次评估。要看曲线与学习率，请改用 Trainer 写在同一文件夹中的 trainer_state.json。",
    "summary-differs": "{arm}（第 {line} 行）：总结中的 dev 为 {final}，与任何一轮都不符（最后一轮为 {last}）；以各轮为准。",
    "peak-estimated": "{arms}：峰值学习率是由相邻记录推算的，因为峰值处没有记录。",
    "schedule-differs": "{arms}：实际使用的学习率与调度不符，最多相差峰值的 {share}。",
    "rate-rises": "{arms}：学习率下降后又回升（{number} 次）。本应只衰减一次的调度，若周期以轮计、却每个批次都步进，就会如此。",
    "schedule-cut": "{arms}：训练结束时学习率仍为峰值的 {share}，调度尚未走完。",
    "other-rates": "要求的学习率为 {asked}，日志显示实际使用的是 {applied}：命令或其配置自行设定或缩放了学习率，或者记录的是其他参数的学习率。",
    "same-rates": "{arms}：日志显示它们的学习率完全相同，最高为 {applied}。命令或其配置自行设定了学习率，或者记录的是其他参数的学习率。",
    "scores-ignored": "并非所有运行都有同一批样本的得分，因此只按各自的数值比较。",
    "seed-unused": (
        "{arm}：种子 {first} 和 {second} 的损失到最后一位都相同。种子没有传到训练中，或训练与种子无关，因此这些训练不反映种子噪声。"
    ),
    "setting-unused": "{name} 没有传到训练中，或对训练没有影响：{values} 的损失到最后一位都相同。",
    "study-unfinished/left": "{planned} 次训练中有 {ended} 次已结束；其余的尚未训练，或没有训练完。以下结论是暂时的。",
    "study-unfinished/running": "{planned} 次训练中有 {ended} 次已结束；其余的正在训练或等待训练。以下结论是暂时的。",
    "finish-study": "先把本研究余下的训练跑完（{number} 次）。",
    "finish-tune": "继续这次 tune：时间预算还有剩余，更多训练可能改变所选的学习率。",
    "more-budget": "增加时间预算后继续这次 tune：更多训练可能改变所选的学习率，并缩小最佳值所在的范围。",
}
